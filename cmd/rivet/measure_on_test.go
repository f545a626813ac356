//go:build measure

package main

const measuring = true
