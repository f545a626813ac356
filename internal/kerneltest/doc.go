// Package kerneltest holds the Linux kernel of the machine up as an oracle: the
// same collection is loaded there and into rivet, both run the same packets, and
// return values, packets and maps must be equal.
package kerneltest
