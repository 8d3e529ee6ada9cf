package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
	"sftctl/pkg/simulator"
)

type simulatorOptions struct {
	listen, stock, state, log string
	latency, tokenLife        time.Duration
	rateLimit                 float64
	faults, resellerOf        []string
}

func newSimulator(env Env) *cobra.Command {
	var o simulatorOptions
	cmd := &cobra.Command{
		Use:   "simulator",
		Short: "Serve a simulated platform on loopback, to try things out",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runSimulator(cmd.Context(), env, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8480", "loopback `ADDRESS` to serve on; port 0 takes a free one")
	f.StringVar(&o.stock, "stock", "", "`FILE` with SIMs, catalogue and first endpoints")
	f.StringVar(&o.state, "state", "", "`FILE` to go on from, and to save to at the end")
	f.StringVar(&o.log, "log", "", "`FILE` for the log of all requests, written at the end")
	f.DurationVar(&o.latency, "latency", 0, "how long every call takes")
	f.DurationVar(&o.tokenLife, "token-life", 10*time.Minute, "how long a token is valid")
	f.Float64Var(&o.rateLimit, "rate-limit", 0, "calls per second that are let through (0: all)")
	f.StringArrayVar(&o.resellerOf, "reseller-of", nil, "`ID` of an account that a login may act as: the login is then a reseller's, and endpoint calls want a target account; may be given several times")
	f.StringArrayVar(&o.faults, "fault", nil, "`FAULT` such as create:meter-1=drop-after,times:1; may be given several times")
	return cmd
}

func (o simulatorOptions) options() ([]simulator.Option, error) {
	opts := []simulator.Option{simulator.WithLatency(o.latency), simulator.WithTokenLife(o.tokenLife)}
	if o.rateLimit > 0 {
		opts = append(opts, simulator.WithRateLimit(o.rateLimit, simulator.ThrottleStatus))
	}
	if len(o.resellerOf) > 0 {
		opts = append(opts, simulator.WithAccount(simulator.Reseller), simulator.WithTargetAccounts(o.resellerOf...))
	}
	if o.log == "" {
		opts = append(opts, simulator.WithLogLimit(1000))
	}
	var problems []error
	for _, text := range o.faults {
		fault, err := simulator.ParseFault(text)
		problems = append(problems, err)
		opts = append(opts, simulator.WithFaults(fault))
	}
	return opts, errors.Join(problems...)
}

func runSimulator(ctx context.Context, env Env, o simulatorOptions) error {
	opts, err := o.options()
	if err != nil {
		return fleet.Kind(fleet.ErrUsage, err)
	}
	sim, err := loadSimulator(o.state, o.stock, opts...)
	if err != nil {
		return err
	}
	listener, err := listenLoopback(ctx, o.listen)
	if err != nil {
		return err
	}
	say(env.Stdout, "http://%s", listener.Addr())
	say(env.Stderr, "SIMULATED platform: any user name and password will do; end it with ctrl-c")
	server := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fleet.Kind(fleet.ErrIO, err)
	}
	return o.keep(sim)
}

// keep saves what was asked for when the simulator ends.
func (o simulatorOptions) keep(sim *simulator.Simulator) error {
	var failed []error
	if o.state != "" {
		failed = append(failed, saveSimulator(o.state, sim))
	}
	if o.log != "" {
		failed = append(failed, writeFile(o.log, sim.WriteLog))
	}
	return errors.Join(failed...)
}

// listenLoopback refuses to serve anybody but this machine.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fleet.Kind(fleet.ErrUsage, fmt.Errorf("--listen: %w", err))
	}
	if addr, err := netip.ParseAddr(host); err != nil || !addr.IsLoopback() {
		return nil, fleet.Kind(fleet.ErrUsage, fmt.Errorf("--listen %s: want a loopback address such as 127.0.0.1:8480", fleet.Quote(address)))
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fleet.Kind(fleet.ErrIO, err)
	}
	return listener, nil
}
