package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"sftctl/pkg/fleet"
)

// file is one input with its content.
type file struct {
	name  string
	order int
	data  []byte // without a byte order mark
	input int    // index in Fleet.Inputs
}

// at is the place of a byte of the file.
func (f *file) at(offset int) place {
	start := bytes.LastIndexByte(f.data[:offset], '\n') + 1
	return place{f, bytes.Count(f.data[:start], []byte{'\n'}) + 1, utf8.RuneCount(f.data[start:offset]) + 1}
}

// skip goes over a number of lines, from an offset to where the next begins.
func (f *file) skip(offset, lines int) int {
	for range lines {
		offset += bytes.IndexByte(f.data[offset:], '\n') + 1
	}
	return offset
}

// column is a place in the line that begins at an offset, given in bytes from
// 1.
func (f *file) column(offset, line, column int) place {
	before := f.data[offset:min(offset+column-1, len(f.data))]
	return place{f, line, utf8.RuneCount(before) + 1}
}

// isYAML tells YAML from CSV by the name, or by the content where the name
// does not say.
func (f *file) isYAML() bool {
	switch strings.ToLower(filepath.Ext(f.name)) {
	case ".yaml", ".yml":
		return true
	case ".csv", ".tsv", ".txt":
		return false
	}
	return looksLikeYAML(f.data)
}

func looksLikeYAML(data []byte) bool {
	data = bytes.TrimSpace(data)
	line, _, _ := bytes.Cut(data, []byte{'\n'})
	for _, start := range []string{"---", "#", "{", "%YAML"} {
		if bytes.HasPrefix(line, []byte(start)) {
			return true
		}
	}
	key, _, ok := bytes.Cut(line, []byte{':'})
	for _, known := range documentKeys {
		if ok && string(bytes.TrimSpace(key)) == known {
			return true
		}
	}
	return false
}

// opener opens a file that is to be read.
type opener func(f *file) (io.ReadCloser, error)

// openNamed opens a file that a person named: "-" is standard input.
func (r *reader) openNamed(f *file) (io.ReadCloser, error) {
	if f.name != "-" {
		return os.Open(f.name)
	}
	if r.opts.Stdin == nil {
		return nil, errors.New("there is no standard input")
	}
	return io.NopCloser(r.opts.Stdin), nil
}

// load reads a file that is named at a place, and checks that it is text.
// What is wrong is added to the problems, and then it is false.
func (r *reader) load(f *file, at place, open opener) bool {
	in, err := open(f)
	if err != nil {
		r.cannotRead(at, f, err)
		return false
	}
	defer in.Close()
	sum, whole := r.readWhole(f, at, in)
	if !whole || !r.checkText(f) {
		return false
	}
	f.input = len(r.fleet.Inputs)
	r.fleet.Inputs = append(r.fleet.Inputs, fleet.Input{File: f.name, SHA256: sum})
	return true
}

// cannotRead tells a name that is wrong, which is invalid input, from a
// machine that fails.
func (r *reader) cannotRead(at place, f *file, err error) {
	var got string
	if at.file != f {
		got = fleet.Quote(f.name)
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	var errno syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.fail(at, "there is no such file", got, err)
	case !errors.As(err, &errno) || slices.Contains(wrongName, errno):
		r.fail(at, "the file cannot be read: "+err.Error(), got, err)
	default:
		r.fail(at, "the file cannot be read: "+err.Error(), got, fleet.Kind(fleet.ErrIO, err))
	}
}

// wrongName are the errors that come from the name and not from the machine.
var wrongName = []syscall.Errno{syscall.EISDIR, syscall.ENOTDIR, syscall.ELOOP, syscall.ENAMETOOLONG}

// readWhole reads within the limits of file and line, which are checked while
// reading, so that a file beyond them costs no memory.
func (r *reader) readWhole(f *file, at place, in io.Reader) (sum string, ok bool) {
	data := make([]byte, 0, sizeOf(in, r.opts.MaxFile)+1)
	for start := 0; ; {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		seen := len(data)
		n, err := in.Read(data[seen:min(cap(data), seen+r.opts.MaxLine)])
		data = data[:seen+n]
		f.data = data
		if start = r.longLine(f, start, seen); start < 0 {
			return "", false
		}
		if int64(len(data)) > r.opts.MaxFile {
			r.add(place{file: f}, "the file is too big", fmt.Sprintf("more than %d bytes", r.opts.MaxFile), "a smaller file; split it")
			return "", false
		}
		if err == io.EOF {
			digest := sha256.Sum256(data)
			return hex.EncodeToString(digest[:]), true
		}
		if err != nil {
			r.cannotRead(at, f, err)
			return "", false
		}
	}
}

// sizeOf is how much to make room for.
func sizeOf(in io.Reader, most int64) int64 {
	const small = 64 << 10
	s, ok := in.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return small
	}
	info, err := s.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return small
	}
	return max(small, min(info.Size(), most))
}

// longLine looks at what was read after seen; start is where the line began
// that was not at its end then. It returns where the last line begins, or -1
// when a line is too long.
func (r *reader) longLine(f *file, start, seen int) int {
	for {
		end := bytes.IndexByte(f.data[seen:], '\n')
		if end < 0 {
			end = len(f.data)
		} else {
			end += seen
		}
		if end-start > r.opts.MaxLine {
			if r.checkKind(f) {
				at := f.at(start)
				r.add(at, "the line is too long", fmt.Sprintf("more than %d bytes", r.opts.MaxLine), "lines that end in LF or CR LF")
			}
			return -1
		}
		if end == len(f.data) {
			return start
		}
		start, seen = end+1, end+1
	}
}
