package kerneltest

import "github.com/cilium/ebpf"

func (w kernelWorld) newMap(spec *ebpf.MapSpec) (MapAPI, error) { return ebpf.NewMap(spec) }
