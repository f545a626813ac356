package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// writeJSON writes one JSON value.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// terminal tells whether w is a terminal, and how wide it is.
func terminal(w io.Writer) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 0
	}
	return width, true
}

// colored tells whether to paint what is written to w: on a terminal, unless
// NO_COLOR is set (no-color.org) or the terminal is dumb.
func colored(w io.Writer) bool {
	_, ok := terminal(w)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// replaceFile writes a file whole or not at all: into a temporary file next to
// it, which takes its name when write succeeded.
func replaceFile(name string, write func(io.Writer) error) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", name, cause(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tmp.Close(), os.Remove(tmp.Name()))
		}
	}()
	if err := write(tmp); err != nil {
		return err
	}
	// CreateTemp makes files private; this one is as readable as any other output.
	if err := tmp.Chmod(0o644); err != nil {
		return fmt.Errorf("cannot write %s: %w", name, cause(err))
	}
	if err := tmp.Close(); err != nil {
		return fmt.Errorf("cannot write %s: %w", name, cause(err))
	}
	if err := os.Rename(tmp.Name(), name); err != nil {
		return fmt.Errorf("cannot write %s: %w", name, cause(err))
	}
	return nil
}

// cause strips the operation and the (temporary) path from a file error.
func cause(err error) error {
	if pe := (*os.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	if le := (*os.LinkError)(nil); errors.As(err, &le) {
		return le.Err
	}
	return err
}

// meter shows progress on a terminal, for what takes longer than two seconds.
type meter struct {
	w     io.Writer
	what  string
	total int64
	start time.Time
	bar   *progressbar.ProgressBar
}

const meterDelay = 2 * time.Second

func newMeter(w io.Writer, what string, total int64) *meter {
	if _, ok := terminal(w); !ok {
		return nil
	}
	return &meter{w: w, what: what, total: total, start: time.Now()}
}

// set says that done of total are done.
func (m *meter) set(done int64) {
	if m == nil || m.bar == nil && time.Since(m.start) < meterDelay {
		return
	}
	if m.bar == nil {
		m.bar = progressbar.NewOptions64(m.total, progressbar.OptionSetWriter(m.w), progressbar.OptionSetDescription(m.what),
			progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
	}
	_ = m.bar.Set64(done) // a progress bar that cannot be drawn is no reason to stop
}

func (m *meter) finish() {
	if m != nil && m.bar != nil {
		_ = m.bar.Finish()
	}
}
