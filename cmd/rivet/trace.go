package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/progctx"
	"github.com/rivetbpf/rivet/internal/trace"
	"github.com/rivetbpf/rivet/internal/verdict"
)

func init() { commands = append(commands, (*app).traceCommand) }

type traceFlags struct {
	objectFlags
	data   dataFlags
	format string
	output string
	limit  int
}

func (a *app) traceCommand() *cobra.Command {
	var f traceFlags
	c := &cobra.Command{
		Use:   "trace OBJ",
		Short: "Show the flow of a run: calls, tail calls, returns, helpers",
		Long: `Runs a program once and shows each step of its flow: entry, call, tail call
(taken, or why not), return, helper and exit, with function, source line, the
tail calls that are left before and after the step, and where that count lives.

--format html makes one page that needs nothing else, with the flow as a picture.`,
		Example: `  rivet trace tailcalls.o --tail-calls propagated
  rivet trace tailcalls.o --format html --output flow.html
  rivet trace dispatch.o --data packet.bin --format json`,
		Args: oneArg("object"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.trace(cmd.Context(), args[0], &f) },
	}
	f.objectFlags.register(c)
	f.data.register(c)
	c.Flags().StringVar(&f.format, "format", "text", "text, json or html")
	c.Flags().StringVarP(&f.output, "output", "o", "", "file to write (default standard output)")
	c.Flags().IntVar(&f.limit, "limit", 10000, "how many events to keep, 0 for all")
	return c
}

func (a *app) trace(ctx context.Context, object string, f *traceFlags) error {
	if f.engine == "" {
		f.engine = rivet.EngineHart.String() // native code, where it is the default, is not traced
	}
	write, err := a.traceWriter(f)
	if err != nil {
		return err
	}
	data, err := f.data.read(a.in)
	if err != nil {
		return err
	}
	l, err := a.load(object, &f.objectFlags)
	if err != nil {
		return err
	}
	defer l.coll.Close()
	run, err := traceRun(ctx, l, data, f.limit)
	if err != nil {
		return err
	}
	run.Object = filepath.Base(object)
	if f.output == "" {
		err = write(a.out, run)
	} else {
		err = replaceFile(f.output, func(w io.Writer) error { return write(w, run) })
	}
	if err != nil {
		return err
	}
	if run.Dropped > 0 && f.format != "text" {
		a.note("%d more events are left out; --limit keeps more", run.Dropped)
	}
	if run.Fault != "" {
		a.note("fault: %s", run.Fault)
		return errFault
	}
	return nil
}

// traceWriter chooses the renderer. --json is --format json, as for other commands.
func (a *app) traceWriter(f *traceFlags) (func(io.Writer, *trace.Run) error, error) {
	if f.json {
		f.format = "json"
	}
	switch f.format {
	case "text":
		o := trace.TextOptions{}
		if f.output == "" {
			o.Color = colored(a.out)
			o.Width, _ = terminal(a.out)
		}
		return func(w io.Writer, run *trace.Run) error {
			shown := *run
			shown.Fault = "" // it goes to standard error
			return trace.WriteText(w, &shown, o)
		}, nil
	case "json":
		return trace.WriteJSON, nil
	case "html":
		return trace.WriteHTML, nil
	}
	return nil, usagef("--format %q: must be text, json or html", f.format)
}

// traceRun runs a program and gathers its events.
func traceRun(ctx context.Context, l *loaded, data []byte, limit int) (*trace.Run, error) {
	run := &trace.Run{Program: l.name, Engine: l.coll.Engine().String(), March: l.march, Scheme: engine.Scheme(l.opts.TailCalls)}
	opts := &rivet.RunOptions{Trace: func(e rivet.TraceEvent) {
		if limit > 0 && len(run.Events) >= limit {
			run.Dropped++
			return
		}
		run.Events = append(run.Events, e)
	}}
	if progctx.For(l.program.Type().String()).Packet {
		opts.Data = data
	} else if data != nil {
		opts.Context = data
	}
	res, err := l.program.RunDetailedContext(ctx, opts)
	if err != nil && ctx.Err() != nil {
		return nil, interrupted(err)
	}
	fault := (*rivet.Fault)(nil)
	switch {
	case errors.As(err, &fault):
		run.Fault = fault.Error()
	case err != nil:
		return nil, err
	default:
		run.Verdict = verdict.Name(l.program.Type().String(), res.R0)
	}
	run.Retired = res.Retired
	if run.Verdict == fmt.Sprint(res.R0) {
		run.Verdict = fmt.Sprintf("%#x", res.R0)
	}
	return run, nil
}
