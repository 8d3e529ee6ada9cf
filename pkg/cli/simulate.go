package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"sftctl/pkg/fleet"
	"sftctl/pkg/platform"
	"sftctl/pkg/simulator"
)

// simulatedUser is who works on a simulated platform without a name.
const simulatedUser = "simulated"

// embed puts a simulated platform in the place of the network. Each stock file
// is a platform of its own, whose state is kept in the state directory. Its
// address is in a domain that never resolves, so that a plan made on it cannot
// reach anything real.
func (c *connection) embed(dir string, s *session, opts *platform.Options) error {
	world, err := c.world()
	if err != nil {
		return err
	}
	state := filepath.Join(dir, "simulator", world+".json")
	sim, err := loadSimulator(state, c.stock)
	if err != nil {
		return err
	}
	s.baseURL, s.simulated = "https://"+simulatedHost(world), true
	s.close = func() error {
		if s.mutations() == 0 { // a plan beside a run must not put back what was before it
			return nil
		}
		return saveSimulator(state, sim)
	}
	opts.BaseURL, opts.Transport, opts.Refusals = s.baseURL, sim, nil
	opts.Username, opts.Password = firstOf(c.username, simulatedUser), platform.NewSecret("simulated")
	return nil
}

// world names the simulated platform, by its stock.
func (c *connection) world() (string, error) {
	if c.stock == "" {
		return "built-in", nil
	}
	path, err := filepath.Abs(c.stock)
	if err != nil {
		return "", fleet.Kind(fleet.ErrUsage, err)
	}
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:4]), nil
}

func simulatedHost(world string) string { return world + ".simulator.invalid" }

// loadSimulator goes on from a saved state, or begins with a stock.
func loadSimulator(state, stock string, opts ...simulator.Option) (*simulator.Simulator, error) {
	if state != "" {
		f, err := os.Open(state)
		if err == nil {
			defer f.Close()
			saved, err := simulator.ReadState(f)
			if err != nil {
				return nil, fleet.Kind(fleet.ErrIO, fmt.Errorf("%s: %w; remove it to begin anew", state, err))
			}
			return simulator.New(append(opts, simulator.WithState(saved))...), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fleet.Kind(fleet.ErrIO, err)
		}
	}
	if stock == "" {
		return simulator.New(opts...), nil
	}
	begin, err := simulator.ReadStock(stock)
	if err != nil {
		return nil, fleet.Kind(fleet.ErrInvalid, err)
	}
	return simulator.New(append(opts, simulator.WithStock(begin))...), nil
}

func saveSimulator(state string, sim *simulator.Simulator) error {
	return writeFile(state, func(w io.Writer) error { return sim.Save(w) })
}
