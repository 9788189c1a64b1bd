package scaffold

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// reserved are names that mean something in the code that is written.
var reserved = []string{"init", "main", "a", "c", "all", "chart", "err", "errors", "fiber", "filter", "invalid", "models", "nil", "page", "render", "string", "true", "false", "web"}

// systems are the words after the last dash of a name that have a meaning in the name of
// a file: Go builds it for tests alone, or for one system (internal/syslist of Go).
var systems = strings.Fields(`test 386 aix amd64 amd64p32 android arm arm64 arm64be armbe darwin dragonfly freebsd hurd illumos ios js linux loong64 mips mips64 mips64le mips64p32 mips64p32le mipsle nacl netbsd
	openbsd plan9 ppc ppc64 ppc64le riscv riscv64 s390 s390x solaris sparc sparc64 wasip1 wasm windows zos`)

// hasPlainFile tells whether Go builds the file of a page everywhere.
func hasPlainFile(page string) bool {
	dash := strings.LastIndex(page, "-")
	return dash < 0 || !slices.Contains(systems, page[dash+1:])
}

// namesAreFree refuses a page whose Go names are taken, which the compiler
// would only tell afterwards.
func (w words) namesAreFree(checkout Checkout) error {
	wanted := map[string][]string{"handlers": {w.Type + "Page", "App." + w.Func, "Test" + w.Type}}
	if len(w.Columns) > 0 {
		wanted["handlers"] = append(wanted["handlers"], "App.new"+w.OneType, "App.change"+w.OneType, "App.save"+w.OneType, "App.remove"+w.OneType, "App.render"+w.OneType, w.OneType+"FormPage", "add"+w.OneType)
		wanted["models"] = []string{w.OneType, "Max" + w.OneType, w.OneType + "Filter", w.OneFunc + "Columns", w.OneFunc + "Orders", w.OneFunc + "Tables", "DB." + w.Type, "DB." + w.OneType, "DB.Save" + w.OneType, "DB.Remove" + w.OneType}
		for _, c := range w.Choices() {
			wanted["models"] = append(wanted["models"], w.OneType+c.Go+"Choices")
		}
		if w.Detail {
			wanted["handlers"] = append(wanted["handlers"], w.OneType+"Page", "App."+w.OneFunc)
		}
	}
	for folder, names := range wanted {
		taken, err := checkout.declared(folder)
		if err != nil {
			return err
		}
		for _, name := range names {
			if at, found := taken[name]; found {
				return fmt.Errorf("%s would be %s in %s, which is there already, in %s; choose another name", w.Name, name, folder, at)
			}
		}
	}
	return nil
}

// declared returns the names that the files of a package declare, with their
// place; methods and fields behind the name of their type and a dot.
func (c Checkout) declared(folder string) (map[string]string, error) {
	files, err := fs.Glob(os.DirFS(string(c)), folder+"/*.go")
	if err != nil {
		return nil, err
	}
	names := make(map[string]string)
	for _, file := range files {
		positions := token.NewFileSet()
		parsed, err := parser.ParseFile(positions, c.path(file), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		note := func(name string, at token.Pos) {
			names[name] = fmt.Sprintf("%s:%d", file, positions.Position(at).Line)
		}
		for _, declaration := range parsed.Decls {
			switch declaration := declaration.(type) {
			case *ast.FuncDecl:
				name := declaration.Name.Name
				if declaration.Recv != nil {
					of := declaration.Recv.List[0].Type
					if pointer, ok := of.(*ast.StarExpr); ok {
						of = pointer.X
					}
					if of, ok := of.(*ast.Ident); ok {
						name = of.Name + "." + name
					}
				}
				note(name, declaration.Pos())
			case *ast.GenDecl:
				for _, spec := range declaration.Specs {
					switch spec := spec.(type) {
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							note(name.Name, name.Pos())
						}
					case *ast.TypeSpec:
						note(spec.Name.Name, spec.Pos())
						if fields, ok := spec.Type.(*ast.StructType); ok {
							for _, field := range fields.Fields.List {
								for _, name := range field.Names {
									note(spec.Name.Name+"."+name.Name, name.Pos())
								}
							}
						}
					}
				}
			}
		}
	}
	return names, nil
}
