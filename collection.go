package rivet

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/ctxaccess"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/helpers"
	"github.com/rivetbpf/rivet/internal/load"
	rmaps "github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/progctx"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// Collection is the programs and maps of one object, ready to run. They share
// guest memory.
type Collection struct {
	// Programs are the object's programs, by function name.
	Programs map[string]*Program
	// Maps are the object's maps, by name; global data is in .bss, .data and .rodata.
	Maps map[string]*Map
	// Variables are the object's global variables, by name.
	Variables map[string]*Variable

	core *core
}

// core is what the programs and maps of a collection have in common.
type core struct {
	module   *bpf.Module
	engine   Engine
	opts     CollectionOptions
	arena    *arena.Arena
	tables   *engine.Tables
	maps     []*Map                 // by index in the module
	made     atomic.Pointer[[]*Map] // made by NewMap, by index after those
	making   sync.Mutex
	env      *rmaps.Env
	programs []*Program
	backend  backend
	geometry geometry
	work     int64 // the largest Work of a function
	fuel     int64 // of a run that brings no bound of its own
	pool     *pool
	open     atomic.Int64 // programs that are not closed
}

// NewCollection loads and compiles spec with the default options.
//
// The error names everything that is missing: kinds of maps, helpers, kfuncs.
func NewCollection[S Spec](spec *S) (*Collection, error) {
	return newCollection(cilium(spec), CollectionOptions{})
}

// NewCollectionWithOptions loads and compiles spec, which may be cilium/ebpf's or
// rivet's. spec itself is not changed and may be used again.
func NewCollectionWithOptions[S Spec](spec *S, opts CollectionOptions) (*Collection, error) {
	return newCollection(cilium(spec), opts)
}

func newCollection(spec *ebpf.CollectionSpec, opts CollectionOptions) (*Collection, error) {
	if err := opts.adopt(); err != nil {
		return nil, err
	}
	m, info, err := load.CollectionWithOptions(spec, load.Options{
		KernelTypes: opts.KernelTypes, Kconfig: opts.Kconfig, Ksyms: opts.Ksyms, HaveKfunc: opts.haveKfunc,
	})
	if err != nil {
		return nil, err
	}
	c, err := newCore(m, info, opts)
	if err != nil {
		return nil, err
	}
	if c.pool.world.Types = opts.KernelTypes; c.pool.world.Types == nil {
		c.pool.world.Types = spec.Types
	}
	c.pool.world.Ksyms = opts.Ksyms
	coll := c.collection()
	if err := coll.fill(spec); err != nil {
		coll.Close()
		return nil, err
	}
	return coll, nil
}

// NewRawProgram compiles bytecode that comes without an object: 8-byte
// instructions, as RFC 9669 lays them out in little-endian order. Such a program
// gets the address of [RunOptions.Data] in R1 and its length in R2.
// Close it after use.
func NewRawProgram(name string, code []byte, opts CollectionOptions) (*Program, error) {
	if err := opts.adopt(); err != nil {
		return nil, err
	}
	m, err := load.Raw(name, progctx.TypeRaw, code)
	if err != nil {
		return nil, err
	}
	c, err := newCore(m, &load.Info{}, opts)
	if err != nil {
		return nil, err
	}
	return c.programs[0], nil
}

// NewProgram compiles a program that uses no maps and comes without a collection.
// Close it after use.
func NewProgram(spec *ProgramSpec) (*Program, error) {
	if spec == nil {
		return nil, errors.New("can't load a program from a nil spec")
	}
	coll, err := newCollection(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{spec.Name: spec}}, CollectionOptions{})
	if err != nil {
		return nil, err
	}
	return coll.Programs[spec.Name], nil
}

// newCore makes everything that a module needs in order to run.
func newCore(m *bpf.Module, info *load.Info, opts CollectionOptions) (*core, error) {
	if opts.Coverage {
		var err error
		if opts.Engine, err = opts.covering(); err != nil {
			return nil, err
		}
	}
	eng, err := opts.Engine.resolve()
	if err != nil {
		return nil, err
	}
	c := &core{module: m, engine: eng, opts: opts, fuel: bound(opts.Fuel)}
	for _, f := range m.Funcs {
		c.work = max(c.work, f.Work)
	}
	if c.opts.CPUs <= 0 {
		c.opts.CPUs = possibleCPUs()
	}
	rmaps.Complete(m.Maps, c.opts.CPUs)
	ctxaccess.Refuse(m)
	table, terr := helpers.NewTable(m, c.userHelpers())
	if err := errors.Join(rmaps.Check(m.Maps), terr); err != nil {
		return nil, err
	}
	if err := c.layOut(table); err != nil {
		return nil, err
	}
	c.tables = engine.NewTables(m.Maps)
	env := &rmaps.Env{Arena: c.arena, Tables: c.tables, CPUs: c.opts.CPUs, RCU: new(rcu.Domain), Net: c.opts.Host}
	c.env = env
	set, err := rmaps.New(env, m.Maps)
	if err != nil {
		return nil, err
	}
	for i, inst := range set {
		m.Maps[i].Values = inst.ValueAddr()
		mp := &Map{core: c, inst: inst, frozen: new(atomic.Bool)}
		if i < len(info.MapSpecs) {
			mp.spec = info.MapSpecs[i]
		}
		c.maps = append(c.maps, mp)
	}
	if err := c.claim(); err != nil {
		return nil, err
	}
	if c.backend, err = backends[eng](&parts{module: m, arena: c.arena, tables: c.tables, table: table, opts: &c.opts}); err != nil {
		return nil, err
	}
	world := helpers.NewWorld(m, env, set, table, opts.TracePrintk)
	c.startPool(world)
	for i, p := range m.Programs {
		layout := progctx.For(p.Type)
		size, err := layout.ContextSize(0)
		if err != nil {
			return nil, err
		}
		pr := &Program{core: c, index: i, def: p, layout: layout, ctxSize: size}
		if i < len(info.ProgramSpecs) {
			pr.typ = info.ProgramSpecs[i].Type
		}
		c.programs = append(c.programs, pr)
	}
	c.open.Store(int64(len(c.programs)))
	return c, nil
}

// layOut makes an arena for the maps and for as many runs as are allowed and fit.
func (c *core) layOut(table *helpers.Table) error {
	nests := 1
	if len(c.opts.Helpers) > 0 || table.CallsBack(c.module) {
		nests = helpers.MaxNesting // a user's helper may call back into the guest
	}
	c.geometry = measure(c.module, nests)
	limit := uint64(arena.MaxSize)
	if c.opts.MaxMemory != 0 {
		limit = min(limit, c.opts.MaxMemory)
	}
	if c.opts.MaxRuns <= 0 {
		c.opts.MaxRuns = defaultRuns()
	}
	if c.opts.PacketMemory == 0 {
		c.opts.PacketMemory = 1 << 20
	}
	need := rmaps.Memory(c.module.Maps, c.opts.CPUs)
	need.More = max(need.More, need.More+table.ObjectMemory(c.module)) // all there is, if it is that already
	fixed := need.Fixed + 128
	need.More += helpers.HeapMemory(c.module)
	need.More = max(need.More, need.More+c.opts.MapMemory)
	slot := c.geometry.slotMemory()
	if need.Fixed > limit || fixed+slot > limit {
		return fmt.Errorf("guest memory: maps take %d bytes and a run %d, the limit is %d", need.Fixed, slot, limit)
	}
	c.opts.MaxRuns = int(min(uint64(c.opts.MaxRuns), (limit-fixed)/slot))
	total := fixed + uint64(c.opts.MaxRuns)*slot
	total += min(c.opts.PacketMemory, (limit-total)&^63)
	total += min(need.More, arena.Most, (limit-total)&^63)
	var err error
	c.arena, err = newArena(c.engine, total)
	return err
}

// claim gives every program array the type of the programs that use it, and
// refuses an object in which programs of two types use one, as Linux does.
func (c *core) claim() error {
	for i, reached := range helpers.Reach(c.module) {
		for fn, yes := range reached {
			if !yes {
				continue
			}
			if err := c.claimFor(c.module.Programs[i], c.module.Funcs[fn]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *core) claimFor(p *bpf.Program, f *bpf.Func) error {
	for _, in := range f.Insns {
		if !in.IsLDDW() || in.Src != bpf.LoadMap {
			continue
		}
		if a, ok := c.maps[in.Imm].inst.Map.(*rmaps.ProgArray); ok {
			if err := a.Use(p.Name, p.Type); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *core) startPool(w *helpers.World) {
	if c.opts.Clock != nil {
		w.SetClock(c.opts.Clock)
	}
	if c.opts.Random != nil {
		w.Random = c.opts.Random
	}
	if c.opts.Host != nil {
		w.Host = c.opts.Host
	}
	c.pool = &pool{arena: c.arena, geometry: c.geometry, world: w, frees: rmaps.Frees(w.Maps) || helpers.Allocates(c.module), nested: c.runNested, slots: make([]*slot, c.opts.MaxRuns), close: c.free}
	c.pool.wake.L = &c.pool.mu
	w.Timers.Manual, w.Timers.Run = c.opts.Clock != nil, c.runCallback
}

// free gives back what the engine holds. No run is in flight.
func (c *core) free() {
	if cl, ok := c.backend.(io.Closer); ok {
		cl.Close()
	}
}

func (c *core) collection() *Collection {
	coll := &Collection{Programs: map[string]*Program{}, Maps: map[string]*Map{}, Variables: map[string]*Variable{}, core: c}
	for _, p := range c.programs {
		coll.Programs[p.def.Name] = p
	}
	for _, m := range c.maps {
		coll.Maps[m.Name()] = m
	}
	return coll
}

// fill puts in what the object says its maps begin with.
func (coll *Collection) fill(spec *ebpf.CollectionSpec) error {
	for _, name := range slices.Sorted(maps.Keys(coll.Maps)) {
		m := coll.Maps[name]
		if m.spec == nil {
			continue
		}
		if err := coll.contents(m); err != nil {
			return err
		}
		if constant(name) {
			m.frozen.Store(true)
		}
	}
	return coll.fillVariables(spec)
}

// contents puts in what a map's spec says. Programs and maps are there by name.
func (coll *Collection) contents(m *Map) error {
	for _, kv := range m.spec.Contents {
		value := kv.Value
		name, named := value.(string)
		switch t := m.spec.Type; {
		case named && t == ebpf.ProgramArray:
			p := coll.Programs[name]
			if p == nil {
				return fmt.Errorf("map %s: key %v: program %q is not in the object", m.Name(), kv.Key, name)
			}
			value = p
		case named && (t == ebpf.ArrayOfMaps || t == ebpf.HashOfMaps):
			inner := coll.Maps[name]
			if inner == nil {
				return fmt.Errorf("map %s: key %v: map %q is not in the object", m.Name(), kv.Key, name)
			}
			value = inner
		}
		if err := m.put(kv.Key, value, rmaps.Any); err != nil {
			return fmt.Errorf("map %s: initial value of key %v: %w", m.Name(), kv.Key, err)
		}
	}
	return nil
}

// fillVariables gives the global variables what [ebpf.VariableSpec.Set] gave them.
func (coll *Collection) fillVariables(spec *ebpf.CollectionSpec) error {
	for name, v := range spec.Variables {
		m := coll.Maps[v.SectionName]
		if m == nil || m.inst.ValueAddr() == 0 {
			continue
		}
		g := &Variable{spec: v.Copy(), m: m}
		b, err := g.bytes()
		if err != nil {
			return err
		}
		copy(b, v.Value)
		coll.Variables[name] = g
	}
	return nil
}

// Close closes the programs that are still in the collection. It refuses further runs; those in
// flight end by themselves. Maps can still be read.
func (coll *Collection) Close() {
	if coll == nil || coll.core == nil {
		return
	}
	for _, p := range coll.Programs {
		p.Close()
	}
	if len(coll.core.programs) == 0 {
		coll.core.pool.shut()
	}
}

// Assign fills the fields of a struct that have an "ebpf" tag and the type
// *[Program], *[Map] or *[Variable] with what has these names in the collection.
// to is a pointer to it, as for [CollectionSpec.LoadAndAssign]. What is
// assigned leaves the collection, and the caller closes it. On an error nothing is assigned.
func (coll *Collection) Assign(to any) error {
	fields, err := taggedFields(to)
	if err == nil {
		err = coll.assign(fields)
	}
	if err != nil {
		return fmt.Errorf("assign values: %w", err)
	}
	return nil
}

// DetachMap takes a map out of the collection, so that Close leaves it alone. It
// returns nil if there is none of that name.
func (coll *Collection) DetachMap(name string) *Map {
	m := coll.Maps[name]
	delete(coll.Maps, name)
	return m
}

// DetachProgram takes a program out of the collection, so that it can be run
// after Close. It returns nil if there is none of that name.
func (coll *Collection) DetachProgram(name string) *Program {
	p := coll.Programs[name]
	delete(coll.Programs, name)
	return p
}

// Engine returns the engine that executes the programs, never EngineDefault.
func (coll *Collection) Engine() Engine { return coll.core.engine }
