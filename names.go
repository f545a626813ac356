package rivet

import "github.com/cilium/ebpf"

// Names of cilium/ebpf that mean the same here, so that code written for that
// package needs another import and no other change.

// What specs are made of.
type (
	MapSpec      = ebpf.MapSpec      // describes a map
	MapKV        = ebpf.MapKV        // an entry that a map begins with
	ProgramSpec  = ebpf.ProgramSpec  // describes a program
	VariableSpec = ebpf.VariableSpec // describes a global variable
)

// Options that [CollectionOptions] has for the sake of such code.
type (
	MapOptions     = ebpf.MapOptions     // see [CollectionOptions.Maps]
	ProgramOptions = ebpf.ProgramOptions // see [CollectionOptions.Programs]
	LoadPinOptions = ebpf.LoadPinOptions // of maps; without meaning here
	LogLevel       = ebpf.LogLevel       // of the verifier's log; without meaning here
	VerifierError  = ebpf.VerifierError  // no error here is one, as there is no verifier
)

// Kinds of things, and flags.
type (
	MapType        = ebpf.MapType        // the kind of a map
	ProgramType    = ebpf.ProgramType    // what a program is attached to
	AttachType     = ebpf.AttachType     // where a program is attached, more precisely
	AttachFlags    = ebpf.AttachFlags    // how; without meaning here
	PinType        = ebpf.PinType        // whether a map is in a file system
	MapUpdateFlags = ebpf.MapUpdateFlags // of [Map.Update]
	MapLookupFlags = ebpf.MapLookupFlags // of lookups
)

// Errors, for [errors.Is].
var (
	// ErrKeyNotExist is what a lookup or deletion of a missing key gives; it is also [syscall.ENOENT].
	ErrKeyNotExist = ebpf.ErrKeyNotExist
	// ErrKeyExist is what [UpdateNoExist] gives for a key that there is; it is also [syscall.EEXIST].
	ErrKeyExist = ebpf.ErrKeyExist
	// ErrIterationAborted is what [MapIterator.Err] gives when the map changed too often.
	ErrIterationAborted = ebpf.ErrIterationAborted
	// ErrMapIncompatible is what cilium/ebpf says of pinned maps; nothing here gives it.
	ErrMapIncompatible = ebpf.ErrMapIncompatible
	// ErrReadOnly is what setting a constant gives.
	ErrReadOnly = ebpf.ErrReadOnly
	// ErrNotSupported is wrapped by errors about what this build, host or package cannot do.
	ErrNotSupported = ebpf.ErrNotSupported
)

// LookupLock asks for a lookup under the value's bpf_spin_lock.
const LookupLock = ebpf.LookupLock

// Levels of the verifier's log, without meaning here.
const (
	LogLevelBranch      = ebpf.LogLevelBranch
	LogLevelInstruction = ebpf.LogLevelInstruction
	LogLevelStats       = ebpf.LogLevelStats
)

// Whether a map is in a file system, without meaning here.
const (
	PinNone   = ebpf.PinNone
	PinByName = ebpf.PinByName
)

// Flags of [Map.Update].
const (
	UpdateAny     = ebpf.UpdateAny
	UpdateNoExist = ebpf.UpdateNoExist
	UpdateExist   = ebpf.UpdateExist
	UpdateLock    = ebpf.UpdateLock
)

// Kinds of maps.
const (
	UnspecifiedMap      = ebpf.UnspecifiedMap
	Hash                = ebpf.Hash
	Array               = ebpf.Array
	ProgramArray        = ebpf.ProgramArray
	PerfEventArray      = ebpf.PerfEventArray
	PerCPUHash          = ebpf.PerCPUHash
	PerCPUArray         = ebpf.PerCPUArray
	StackTrace          = ebpf.StackTrace
	CGroupArray         = ebpf.CGroupArray
	LRUHash             = ebpf.LRUHash
	LRUCPUHash          = ebpf.LRUCPUHash
	LPMTrie             = ebpf.LPMTrie
	ArrayOfMaps         = ebpf.ArrayOfMaps
	HashOfMaps          = ebpf.HashOfMaps
	DevMap              = ebpf.DevMap
	SockMap             = ebpf.SockMap
	CPUMap              = ebpf.CPUMap
	XSKMap              = ebpf.XSKMap
	SockHash            = ebpf.SockHash
	CGroupStorage       = ebpf.CGroupStorage
	ReusePortSockArray  = ebpf.ReusePortSockArray
	PerCPUCGroupStorage = ebpf.PerCPUCGroupStorage
	Queue               = ebpf.Queue
	Stack               = ebpf.Stack
	SkStorage           = ebpf.SkStorage
	DevMapHash          = ebpf.DevMapHash
	StructOpsMap        = ebpf.StructOpsMap
	RingBuf             = ebpf.RingBuf
	InodeStorage        = ebpf.InodeStorage
	TaskStorage         = ebpf.TaskStorage
	BloomFilter         = ebpf.BloomFilter
	UserRingbuf         = ebpf.UserRingbuf
	CgroupStorage       = ebpf.CgroupStorage
	Arena               = ebpf.Arena
)

// Program types.
const (
	UnspecifiedProgram    = ebpf.UnspecifiedProgram
	SocketFilter          = ebpf.SocketFilter
	Kprobe                = ebpf.Kprobe
	SchedCLS              = ebpf.SchedCLS
	SchedACT              = ebpf.SchedACT
	TracePoint            = ebpf.TracePoint
	XDP                   = ebpf.XDP
	PerfEvent             = ebpf.PerfEvent
	CGroupSKB             = ebpf.CGroupSKB
	CGroupSock            = ebpf.CGroupSock
	LWTIn                 = ebpf.LWTIn
	LWTOut                = ebpf.LWTOut
	LWTXmit               = ebpf.LWTXmit
	SockOps               = ebpf.SockOps
	SkSKB                 = ebpf.SkSKB
	CGroupDevice          = ebpf.CGroupDevice
	SkMsg                 = ebpf.SkMsg
	RawTracepoint         = ebpf.RawTracepoint
	CGroupSockAddr        = ebpf.CGroupSockAddr
	LWTSeg6Local          = ebpf.LWTSeg6Local
	LircMode2             = ebpf.LircMode2
	SkReuseport           = ebpf.SkReuseport
	FlowDissector         = ebpf.FlowDissector
	CGroupSysctl          = ebpf.CGroupSysctl
	RawTracepointWritable = ebpf.RawTracepointWritable
	CGroupSockopt         = ebpf.CGroupSockopt
	Tracing               = ebpf.Tracing
	StructOps             = ebpf.StructOps
	Extension             = ebpf.Extension
	LSM                   = ebpf.LSM
	SkLookup              = ebpf.SkLookup
	Syscall               = ebpf.Syscall
	Netfilter             = ebpf.Netfilter
)

// Attach types.
const (
	AttachNone                       = ebpf.AttachNone
	AttachCGroupInetIngress          = ebpf.AttachCGroupInetIngress
	AttachCGroupInetEgress           = ebpf.AttachCGroupInetEgress
	AttachCGroupInetSockCreate       = ebpf.AttachCGroupInetSockCreate
	AttachCGroupSockOps              = ebpf.AttachCGroupSockOps
	AttachSkSKBStreamParser          = ebpf.AttachSkSKBStreamParser
	AttachSkSKBStreamVerdict         = ebpf.AttachSkSKBStreamVerdict
	AttachCGroupDevice               = ebpf.AttachCGroupDevice
	AttachSkMsgVerdict               = ebpf.AttachSkMsgVerdict
	AttachCGroupInet4Bind            = ebpf.AttachCGroupInet4Bind
	AttachCGroupInet6Bind            = ebpf.AttachCGroupInet6Bind
	AttachCGroupInet4Connect         = ebpf.AttachCGroupInet4Connect
	AttachCGroupInet6Connect         = ebpf.AttachCGroupInet6Connect
	AttachCGroupInet4PostBind        = ebpf.AttachCGroupInet4PostBind
	AttachCGroupInet6PostBind        = ebpf.AttachCGroupInet6PostBind
	AttachCGroupUDP4Sendmsg          = ebpf.AttachCGroupUDP4Sendmsg
	AttachCGroupUDP6Sendmsg          = ebpf.AttachCGroupUDP6Sendmsg
	AttachLircMode2                  = ebpf.AttachLircMode2
	AttachFlowDissector              = ebpf.AttachFlowDissector
	AttachCGroupSysctl               = ebpf.AttachCGroupSysctl
	AttachCGroupUDP4Recvmsg          = ebpf.AttachCGroupUDP4Recvmsg
	AttachCGroupUDP6Recvmsg          = ebpf.AttachCGroupUDP6Recvmsg
	AttachCGroupGetsockopt           = ebpf.AttachCGroupGetsockopt
	AttachCGroupSetsockopt           = ebpf.AttachCGroupSetsockopt
	AttachTraceRawTp                 = ebpf.AttachTraceRawTp
	AttachTraceFEntry                = ebpf.AttachTraceFEntry
	AttachTraceFExit                 = ebpf.AttachTraceFExit
	AttachModifyReturn               = ebpf.AttachModifyReturn
	AttachLSMMac                     = ebpf.AttachLSMMac
	AttachTraceIter                  = ebpf.AttachTraceIter
	AttachCgroupInet4GetPeername     = ebpf.AttachCgroupInet4GetPeername
	AttachCgroupInet6GetPeername     = ebpf.AttachCgroupInet6GetPeername
	AttachCgroupInet4GetSockname     = ebpf.AttachCgroupInet4GetSockname
	AttachCgroupInet6GetSockname     = ebpf.AttachCgroupInet6GetSockname
	AttachXDPDevMap                  = ebpf.AttachXDPDevMap
	AttachCgroupInetSockRelease      = ebpf.AttachCgroupInetSockRelease
	AttachXDPCPUMap                  = ebpf.AttachXDPCPUMap
	AttachSkLookup                   = ebpf.AttachSkLookup
	AttachXDP                        = ebpf.AttachXDP
	AttachSkSKBVerdict               = ebpf.AttachSkSKBVerdict
	AttachSkReuseportSelect          = ebpf.AttachSkReuseportSelect
	AttachSkReuseportSelectOrMigrate = ebpf.AttachSkReuseportSelectOrMigrate
	AttachPerfEvent                  = ebpf.AttachPerfEvent
	AttachTraceKprobeMulti           = ebpf.AttachTraceKprobeMulti
	AttachTraceKprobeSession         = ebpf.AttachTraceKprobeSession
	AttachLSMCgroup                  = ebpf.AttachLSMCgroup
	AttachStructOps                  = ebpf.AttachStructOps
	AttachNetfilter                  = ebpf.AttachNetfilter
	AttachTCXIngress                 = ebpf.AttachTCXIngress
	AttachTCXEgress                  = ebpf.AttachTCXEgress
	AttachTraceUprobeMulti           = ebpf.AttachTraceUprobeMulti
	AttachCgroupUnixConnect          = ebpf.AttachCgroupUnixConnect
	AttachCgroupUnixSendmsg          = ebpf.AttachCgroupUnixSendmsg
	AttachCgroupUnixRecvmsg          = ebpf.AttachCgroupUnixRecvmsg
	AttachCgroupUnixGetpeername      = ebpf.AttachCgroupUnixGetpeername
	AttachCgroupUnixGetsockname      = ebpf.AttachCgroupUnixGetsockname
	AttachNetkitPrimary              = ebpf.AttachNetkitPrimary
	AttachNetkitPeer                 = ebpf.AttachNetkitPeer
)

// PossibleCPU returns how many values a per-CPU map has where
// [CollectionOptions.CPUs] is 0: on Linux as many as the kernel counts possible
// processors, elsewhere as many as there are.
func PossibleCPU() (int, error) { return possibleCPUs(), nil }

// MustPossibleCPU is [PossibleCPU], which cannot fail here.
func MustPossibleCPU() int { return possibleCPUs() }
