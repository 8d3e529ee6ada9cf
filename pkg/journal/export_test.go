package journal

// Sample is the sample journal, for tests that need a disk which crashes.
func Sample() []Record { return sample() }

// Line is a record as it is written behind lines with a checksum.
func Line(r Record, before uint32) (line []byte, sum uint32, err error) { return encode(r, before) }

func encode(r Record, before uint32) (line []byte, sum uint32, err error) {
	fields, err := fieldsOf(r)
	if err != nil {
		return nil, before, err
	}
	line, sum = appendLine(nil, r, fields, before)
	return line, sum, nil
}
