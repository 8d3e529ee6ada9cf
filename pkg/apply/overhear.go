package apply

import "sftctl/pkg/journal"

// Overheard is a journal that others listen to. They are told of each record after
// the journal has it, in its order for each task, by several goroutines; what they
// do keeps the run waiting.
func Overheard(by Journal, hear ...func(journal.Record)) Journal { return overheard{by, hear} }

type overheard struct {
	Journal
	hear []func(journal.Record)
}

func (h overheard) Intent(i journal.Intent) error {
	if err := h.Journal.Intent(i); err != nil {
		return err
	}
	h.tell(i)
	return nil
}

func (h overheard) Outcome(o journal.Outcome) {
	h.Journal.Outcome(o)
	h.tell(o)
}

func (h overheard) Finding(f journal.Finding) {
	h.Journal.Finding(f)
	h.tell(f)
}

func (h overheard) tell(r journal.Record) {
	for _, hear := range h.hear {
		hear(r)
	}
}
