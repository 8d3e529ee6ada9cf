package manifest

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// signatures are the first bytes of what people give by mistake.
var signatures = []struct{ start, what, want string }{
	{"\x1f\x8b", "is compressed with gzip", "plain text; unpack it first"},
	{"BZh", "is compressed with bzip2", "plain text; unpack it first"},
	{"\xfd7zXZ\x00", "is compressed with xz", "plain text; unpack it first"},
	{"\x28\xb5\x2f\xfd", "is compressed with zstd", "plain text; unpack it first"},
	{"7z\xbc\xaf\x27\x1c", "is a 7z archive", "plain text; unpack it first"},
	{"PK\x03\x04", "is a ZIP archive or a spreadsheet", "plain text; in a spreadsheet save as CSV UTF-8"},
	{"\xd0\xcf\x11\xe0", "is a spreadsheet of the old kind", "plain text; save it as CSV UTF-8"},
	{"%PDF", "is a PDF", "plain text"},
	{"\xff\xfe", "is UTF-16", "UTF-8; save it again as CSV UTF-8"},
	{"\xfe\xff", "is UTF-16", "UTF-8; save it again as CSV UTF-8"},
	{"\x00\x00\xfe\xff", "is UTF-32", "UTF-8; save it again as CSV UTF-8"},
}

// checkKind refuses what is no text at all.
func (r *reader) checkKind(f *file) bool {
	for _, s := range signatures {
		if bytes.HasPrefix(f.data, []byte(s.start)) {
			r.add(place{file: f}, "the file "+s.what, "", s.want)
			return false
		}
	}
	if wide(f.data) {
		r.add(place{file: f}, "the file is UTF-16 without its mark", "", "UTF-8; save it again as CSV UTF-8")
		return false
	}
	return true
}

// wide says whether every second one of the first bytes is NUL.
func wide(data []byte) bool {
	if len(data) < 4 {
		return false
	}
	return data[0] == 0 && data[1] != 0 && data[2] == 0 && data[3] != 0 ||
		data[0] != 0 && data[1] == 0 && data[2] != 0 && data[3] == 0
}

// checkText drops a byte order mark and refuses what is not plain UTF-8 text.
// It stops at the first of each kind of damage, as one seldom comes alone.
func (r *reader) checkText(f *file) bool {
	if !r.checkKind(f) {
		return false
	}
	f.data = bytes.TrimPrefix(f.data, []byte("\ufeff"))
	if len(bytes.TrimSpace(f.data)) == 0 {
		r.add(place{file: f}, "the file is empty", "no text", "a manifest or a CSV with a header")
		return false
	}
	encoded := r.checkUTF8(f)
	return r.checkBytes(f) && encoded
}

func (r *reader) checkUTF8(f *file) bool {
	if utf8.Valid(f.data) {
		return true
	}
	at := 0
	for at < len(f.data) {
		c, size := utf8.DecodeRune(f.data[at:])
		if c == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	r.add(f.at(at), "the text is not UTF-8", fmt.Sprintf("byte 0x%02x", f.data[at]),
		"UTF-8; save it again as CSV UTF-8 (it may be Latin-1 or Windows-1252 now)")
	return false
}

func (r *reader) checkBytes(f *file) bool {
	nul, cr := bytes.IndexByte(f.data, 0), bareCR(f.data)
	if nul >= 0 {
		r.add(f.at(nul), "there is a NUL byte in the text", "", "plain text; write the file again from its source")
	}
	if cr >= 0 {
		r.add(f.at(cr), "a line ends in CR alone", "", "LF or CR LF; save the file again with the line ends of Unix or Windows")
	}
	return nul < 0 && cr < 0
}

// bareCR finds the first CR that no LF follows, -1 when there is none.
func bareCR(data []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(data[from:], '\r')
		if i < 0 {
			return -1
		}
		from += i + 1
		if from == len(data) || data[from] != '\n' {
			return from - 1
		}
	}
}
