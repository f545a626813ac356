package imageelf

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// recorded is what the line information of an object holds of its sources: the
// text of the lines that have code, by file.
func recorded(mod *bpf.Module) map[string]map[int]string {
	files := map[string]map[int]string{}
	for _, f := range mod.Funcs {
		for _, l := range f.Lines {
			if l.File == "" {
				continue
			}
			if files[l.File] == nil {
				files[l.File] = map[int]string{}
			}
			if l.Text != "" || files[l.File][l.Num] == "" {
				files[l.File][l.Num] = l.Text
			}
		}
	}
	return files
}

// Sources is where the sources of a module are.
type Sources struct {
	Dir     string   // where relative paths start from
	Missing []string // files that are not there, or whose lines are not those that the object was made from
	// Texts is what the object itself has of its sources, when some are missing; of
	// all of them, as a reader that finds text in a line table looks for no files.
	Texts map[string]string
}

// FindSources looks for the sources of a module at the paths that its object
// recorded. Relative ones may start from the current directory, from that of
// the object or from one above it.
func FindSources(mod *bpf.Module, object string) Sources {
	files := recorded(mod)
	names := slices.Sorted(maps.Keys(files))
	best := Sources{Missing: names}
	for i, d := range candidates(object) {
		var missing []string
		for _, name := range names {
			if !matches(absolute(d, name), files[name]) {
				missing = append(missing, name)
			}
		}
		if i == 0 || len(missing) < len(best.Missing) {
			best = Sources{Dir: d, Missing: missing}
		}
	}
	if len(best.Missing) > 0 {
		best.Texts = map[string]string{}
		for name, lines := range files {
			best.Texts[name] = join(lines)
		}
	}
	return best
}

// candidates are directories that relative paths may start from.
func candidates(object string) []string {
	var dirs []string
	if wd, err := os.Getwd(); err == nil {
		dirs = append(dirs, wd)
	}
	abs, err := filepath.Abs(object)
	if err != nil {
		return append(dirs, ".")
	}
	for d := filepath.Dir(abs); ; d = filepath.Dir(d) {
		dirs = append(dirs, d)
		if d == filepath.Dir(d) {
			return dirs
		}
	}
}

func absolute(dir, name string) string {
	name = filepath.FromSlash(name)
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// matches tells whether a file has the lines.
func matches(name string, lines map[int]string) bool {
	data, err := readSource(name)
	if err != nil {
		return false
	}
	have := bytes.Split(data, []byte("\n"))
	for n, text := range lines {
		if n < 1 || n > len(have) || text != "" && strings.TrimSpace(string(have[n-1])) != strings.TrimSpace(text) {
			return false
		}
	}
	return true
}

// maxSource is the largest file that is taken for a source.
const maxSource = 16 << 20

// readSource reads a file whose name came from an object, and so may be that of a device or a pipe.
func readSource(name string) ([]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxSource {
		return nil, fmt.Errorf("%s is no source file", name)
	}
	return os.ReadFile(name)
}

// maxLine bounds the text that is made for a file whose line numbers are nonsense.
const maxLine = 1 << 20

// join puts lines where they belong, with empty ones between them.
func join(lines map[int]string) string {
	last := 0
	for n := range lines {
		if n <= maxLine {
			last = max(last, n)
		}
	}
	var b strings.Builder
	for n := 1; n <= last; n++ {
		b.WriteString(strings.TrimRight(lines[n], "\r\n"))
		b.WriteByte('\n')
	}
	return b.String()
}
