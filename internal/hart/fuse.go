package hart

// fuse replaces ops that often stand together.
func (c *Code) fuse(n int) {}
