package main

import "context"

type embeddedPlane struct{ server *server }

func (p *embeddedPlane) describe() string                     { return "embedded" }
func (p *embeddedPlane) start(context.Context, *built) error  { panic("todo") }
func (p *embeddedPlane) reload(context.Context, *built) error { return nil }
func (p *embeddedPlane) stop(context.Context) error           { return nil }
