//go:build !linux

package redirect

// Up makes the rules of a network namespace those that are wanted; here it gives
// [ErrUnsupported].
func Up(string, Rules) (changed bool, err error) { return false, ErrUnsupported }

// Down removes our rules; here it gives [ErrUnsupported].
func Down(string) (found bool, err error) { return false, ErrUnsupported }

// Read gives the rules that are there; here it gives [ErrUnsupported].
func Read(string) (*Found, error) { return nil, ErrUnsupported }

// Listening gives the sockets that listen on a TCP port of a network namespace; here
// it gives [ErrUnsupported].
func Listening(string, uint16) ([]Listener, error) { return nil, ErrUnsupported }
