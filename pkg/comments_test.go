package pkg

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever uses a package finds out how from its documentation alone: every exported
// name has a comment that begins with it, a group of constants or variables one of
// its own, and each package one in one file. Only what everybody knows,
// String and Error, may go without.
func TestEveryExportedNameHasAComment(t *testing.T) {
	names := 0
	for dir := range house {
		about := ""
		for _, file := range sources(t, dir) {
			about += file.Doc.Text()
			for _, decl := range file.Decls {
				for name, text := range declared(decl) {
					names++
					if text != "" && !strings.HasPrefix(text, name+" ") && !strings.HasPrefix(text, name+"\n") || text == "" && name != "String" && name != "Error" {
						t.Errorf("%s.%s: got the comment %q, want one that begins with the name", dir, name, strings.SplitN(text, "\n", 2)[0])
					}
				}
			}
		}
		if !strings.HasPrefix(about, "Package "+dir+" ") || strings.Count(about, "Package ") > 1 {
			t.Errorf("package %s: got the comment %q, want one in one file that begins with the package", dir, about)
		}
	}
	if names < 300 {
		t.Errorf("got %d names, which are not all", names)
	}
}

// sources are the files of a package, tests left out.
func sources(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: got %d files, %v", dir, len(paths), err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// declared maps the exported names of a declaration to their comments. The names of
// a group that has a comment are not among them.
func declared(decl ast.Decl) map[string]string {
	found := map[string]string{}
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Name.IsExported() && (decl.Recv == nil || ast.IsExported(receiver(decl.Recv.List[0].Type))) {
			found[decl.Name.Name] = decl.Doc.Text()
		}
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			for _, name := range exported(spec) {
				found[name] = comment(decl, spec, name)
			}
		}
	}
	return found
}

// receiver is the name of a method's type.
func receiver(expr ast.Expr) string {
	switch expr := expr.(type) {
	case *ast.StarExpr:
		return receiver(expr.X)
	case *ast.IndexExpr:
		return receiver(expr.X)
	case *ast.Ident:
		return expr.Name
	}
	return ""
}

func exported(spec ast.Spec) (names []string) {
	var all []*ast.Ident
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		all = []*ast.Ident{spec.Name}
	case *ast.ValueSpec:
		all = spec.Names
	}
	for _, name := range all {
		if name.IsExported() {
			names = append(names, name.Name)
		}
	}
	return names
}

// comment is what is said of a name. In a group it may be the comment of the group,
// which begins with none of its names.
func comment(decl *ast.GenDecl, spec ast.Spec, name string) string {
	if !decl.Lparen.IsValid() {
		return decl.Doc.Text()
	}
	own, _ := spec.(*ast.TypeSpec)
	if own != nil {
		return own.Doc.Text()
	}
	if text := decl.Doc.Text(); text != "" {
		return name + " " + text
	}
	value := spec.(*ast.ValueSpec)
	return value.Doc.Text()
}
