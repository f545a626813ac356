//go:build !measure

package main

const measuring = false
