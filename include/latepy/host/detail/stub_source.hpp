// latepy/host/detail/stub_source.hpp: the Python program that writes stub files of host modules; see host/stub.hpp.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// A Python program: it reads Python objects and writes Python text. C++ sets its functions `overloads` and
/// `has_buffer`.
inline constexpr char stub_source[] = R"py(
import ast, builtins, enum, inspect, keyword, os, sys, types

MARK = '# Written by latepy from the host module: changes are lost.\n'
# C++ allows overlapping overloads, and members that hide those of a base class. Type checkers do not.
HEAD = MARK + '# mypy: disable-error-code="assignment, misc, override"\n'
UNSEEN = {'__name__', '__doc__', '__loader__', '__spec__', '__path__', '__package__', '__file__', '__cached__',
          '__builtins__', '__annotations__', '_latepy_module', '_latepy_class'}
VALUED = {'__all__', '__match_args__'}  # type checkers read their values
CAN_BE_BASE = 1 << 10  # Py_TPFLAGS_BASETYPE (Include/object.h)

def is_name(text):
    return text.isidentifier() and not keyword.iskeyword(text)

def members(owner):
    return {name: value for name, value in vars(owner).items() if name not in UNSEEN and is_name(name)}

def submodules(module):
    return {name: value for name, value in members(module).items()
            if isinstance(value, types.ModuleType) and value.__name__ == f'{module.__name__}.{name}'}

def is_bound(cls):
    return cls is not None and '_latepy_class' in vars(cls)

def is_reachable(cls):
    found = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split('.'):
        found = getattr(found, name, None)
    return found is cls

def full_name(cls):
    if not is_reachable(cls):
        return 'typing.Any'
    return cls.__qualname__ if cls.__module__ == 'builtins' else f'{cls.__module__}.{cls.__qualname__}'

def literal(value):
    text = repr(value)
    try:
        ast.literal_eval(text)
    except Exception:
        return '...'
    return text if len(text) <= 80 else '...'

def doc_lines(text):
    if not isinstance(text, str) or not text.strip():
        return []
    text = inspect.cleandoc(text).replace('\\', r'\\').replace('"""', r'\"\"\"')
    text = ''.join(c if c.isprintable() or c == '\n' else c.encode('unicode_escape').decode() for c in text)
    if text.endswith('"'):
        text = text[:-1] + r'\"'
    return f'"""{text}{chr(10) if chr(10) in text else ""}"""'.split('\n')

def indented(lines):
    return ['    ' + line if line else '' for line in lines]

def with_body(head, lines):
    return [head] + indented(lines) if lines else [head + ' ...']

def joined(blocks):
    """The lines of all blocks, with an empty line before and after each block of several lines."""
    lines, last = [], 1
    for block in filter(None, blocks):
        lines += [''] * (bool(lines) and max(last, len(block)) > 1) + block
        last = len(block)
    return lines

class Stub(ast.NodeTransformer):
    def __init__(self, module):
        self.module = module.__name__
        self.imports = set()
        self.members = members(module)
        self.hidden = ()  # names that the class being written defines: they hide other names
        children = submodules(module)
        body = joined([self.member(name, value) for name, value in self.members.items() if name not in children])
        imports = sorted(self.imports) + [f'from . import {name} as {name}' for name in children]
        parts = [part for part in (doc_lines(module.__doc__), imports, body) if part]
        self.text = HEAD + '\n'.join('\n'.join(part) + '\n' for part in parts)

    def is_own(self, qualified, value):
        return isinstance(value, type) and (value.__module__, value.__qualname__) == (self.module, qualified)

    def is_taken(self, name):
        return name in self.members or name in self.hidden

    # Names of types.

    def name(self, dotted):
        """The name to write in the stub for this full name. Adds the import that it needs."""
        parts = dotted.split('.')
        if len(parts) == 1:
            if not hasattr(builtins, dotted):
                return self.name('typing.Any')
            if not self.is_taken(dotted):
                return dotted
            parts.insert(0, 'builtins')
        ends = range(len(parts) - 1, 0, -1)
        end = next((end for end in ends if '.'.join(parts[:end]) in sys.modules), ends[0])
        module, rest = '.'.join(parts[:end]), '.'.join(parts[end:])
        is_own = module == self.module
        if module == '__main__' != self.module or is_own and parts[end] not in self.members:
            return self.name('typing.Any')
        if is_own and parts[end] not in self.hidden:
            return rest
        if is_own or self.is_taken(parts[0]):
            alias = '_' + '_'.join(parts[:end])
            self.imports.add(f'import {module} as {alias}')
            return f'{alias}.{rest}'
        self.imports.add(f'import {module}')
        return f'{module}.{rest}'

    def visit_Name(self, node):
        return ast.Name(self.name(ast.unparse(node)))

    visit_Attribute = visit_Name

    def annotation(self, type):
        """The text of an annotation, from text or a syntax tree."""
        return ast.unparse(self.visit(ast.parse(type, mode='eval').body if isinstance(type, str) else type))

    def type_of(self, value, depth=0):
        cls = type(value)
        if value is None:
            return 'None'
        if depth > 3:
            return 'typing.Any'

        def among(values):
            found = list(dict.fromkeys(self.type_of(each, depth + 1) for each in list(values)[:100]))
            if len(found) == 1:
                return found[0]
            return f'typing.Union[{", ".join(found)}]' if 1 < len(found) < 5 else 'typing.Any'

        if cls in (list, set, frozenset):
            return f'{cls.__name__}[{among(value)}]'
        if cls is dict:
            return f'dict[{among(value)}, {among(value.values())}]'
        if cls is tuple:
            return f'tuple[{", ".join(self.type_of(each, depth + 1) for each in value) or "()"}]'
        if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)) or overloads(value):
            return 'collections.abc.Callable[..., typing.Any]'
        return 'typing.Any' if hasattr(cls, '__class_getitem__') else full_name(cls)

    # Members.

    def default(self, value):
        if isinstance(value, enum.Enum) and value.name in type(value).__members__ and is_reachable(type(value)):
            return self.name(f'{full_name(type(value))}.{value.name}')
        return literal(value)

    def signatures(self, function, first):
        """(syntax tree, default values, doc string) of each overload; `first` is self, cls or nothing."""
        unknown = f'({first}{", " * bool(first)}*args, **kwargs) -> typing.Any'
        for text, defaults, doc in overloads(function) or [(unknown, [], function.__doc__)]:
            try:
                node = ast.parse(f'def f{text}: ...').body[0]
            except SyntaxError:  # python_type() of a converter is not valid Python
                node = ast.parse(f'def f{unknown}: ...').body[0]
            if first and node.args.posonlyargs:
                node.args.posonlyargs[0].arg = first
            yield node, defaults, doc

    def parameters(self, args, defaults):
        def shown(arg, default=None, stars=''):
            text = stars + arg.arg
            if arg.annotation or stars:
                text += ': ' + self.annotation(arg.annotation or 'typing.Any')
            return text if default is None else f'{text} = {self.default(defaults[default.slice.value])}'

        places = args.posonlyargs + args.args
        parts = [shown(*each) for each in zip(places, [None] * (len(places) - len(args.defaults)) + args.defaults)]
        if args.posonlyargs and args.posonlyargs[-1].arg not in ('self', 'cls'):
            parts.insert(len(args.posonlyargs), '/')
        parts += [shown(args.vararg, stars='*')] if args.vararg else ['*'] * bool(args.kwonlyargs)
        parts += [shown(*each) for each in zip(args.kwonlyargs, args.kw_defaults)]
        parts += [shown(args.kwarg, stars='**')] if args.kwarg else []
        return ', '.join(parts)

    def function(self, name, function, first='', decorators=()):
        found = {}  # C++ overloads with equal Python parameters become one
        for node, defaults, doc in self.signatures(function, first):
            if name in ('__eq__', '__ne__'):
                for arg in (node.args.posonlyargs + node.args.args)[1:]:
                    arg.annotation = ast.Name('object')
            result = 'None' if name == '__init__' else self.annotation(node.returns)
            found.setdefault(self.parameters(node.args, defaults), (result, doc))
        if len(found) > 1:
            decorators = ('typing.overload', *decorators)
        lines = []
        for parameters, (result, doc) in found.items():
            lines += ['@' + self.name(each) for each in decorators]
            lines += with_body(f'def {name}({parameters}) -> {result}:', doc_lines(doc))
        return lines

    def property(self, name, value):
        node = next(self.signatures(value.fget, 'self'))[0]
        result = self.annotation(node.returns)
        if type(value) is not property:  # static_property(): of the class itself
            return [f'{name}: {self.name("typing.ClassVar")}[{result}]']
        lines = ['@' + self.name('property')] + with_body(f'def {name}(self) -> {result}:', doc_lines(value.__doc__))
        if value.fset:
            args = next(self.signatures(value.fset, 'self'))[0].args
            taken = self.annotation((args.posonlyargs + args.args)[-1].annotation or 'typing.Any')
            lines += [f'@{name}.setter', f'def {name}(self, value: {taken}) -> None: ...']
        return lines

    def constant(self, name, value, of_class):
        annotation = self.annotation(self.type_of(value))
        text = literal(value) if type(value) in (bool, int, float, str, bytes) else '...'
        if of_class:
            annotation = f'{self.name("typing.ClassVar")}[{annotation}]'
        return [f'{name}: {annotation}' + (f' = {text}' if text != '...' else '')]

    def member(self, name, value, cls=None):
        """The lines for a member of the module, or of a class in it."""
        if self.is_own(f'{cls.__qualname__}.{name}' if cls else name, value):
            return self.class_(name, value)
        if isinstance(value, staticmethod):
            return self.function(name, value.__func__, '', ['staticmethod'])
        if isinstance(value, classmethod):
            return self.function(name, value.__func__, 'cls', ['classmethod'])
        if overloads(value) or isinstance(value, types.FunctionType):
            return self.function(name, value, 'self' if cls else '')
        if isinstance(value, property):
            return self.property(name, value)
        if name in VALUED:
            return [f'{name} = {literal(value)}']
        if cls and name.startswith('__') and (name != '__hash__' or value):
            return []
        if isinstance(value, type):
            return [f'{name} = {self.annotation(full_name(value))}']
        return self.constant(name, value, is_bound(cls))  # in other classes it may be the default of a field

    def class_(self, name, cls):
        bases = [base for base in cls.__bases__ if base.__module__ != 'latepy' and base is not object]
        bases = ', '.join(self.annotation(full_name(base)) for base in bases)
        final = [] if cls.__flags__ & CAN_BE_BASE else ['@' + self.name('typing.final')]
        outer, self.hidden = self.hidden, members(cls)
        lines = joined(self.class_blocks(cls))
        self.hidden = outer
        return final + with_body(f'class {name}({bases}):' if bases else f'class {name}:', lines)

    def class_blocks(self, cls):
        has, doc = self.hidden, cls.__dict__.get('__doc__')
        is_enum = issubclass(cls, enum.Enum)
        yield doc_lines(None if is_enum and doc == 'An enumeration.' else doc)  # every enum has it before 3.11
        if is_enum:
            yield from ([f'{name} = {literal(each.value)}'] for name, each in cls.__members__.items() if is_name(name))
            has = {name: value for name, value in has.items() if overloads(value)}
        if is_bound(cls) and '__init__' not in has:  # scripts cannot call it
            yield [f'def __init__(self, *, _comes_from_the_host: {self.name("typing.NoReturn")}) -> None: ...']
        yield from (self.member(name, value, cls) for name, value in has.items())
        if is_bound(cls) and '__dict__' in has and '__getattr__' not in has:
            value = self.name('typing.Any')
            yield [f'def __getattr__(self, name: {self.name("str")}, /) -> {value}: ...']
            yield [f'def __setattr__(self, name: {self.name("str")}, value: {value}, /) -> None: ...']
        if is_bound(cls) and has_buffer(cls):
            yield [f'def __buffer__(self, flags: {self.name("int")}, /) -> {self.name("memoryview")}: ...']

def stub(module):
    if not isinstance(module, types.ModuleType):
        raise TypeError(f'stubs are for modules, and this is {module!r}')
    return Stub(module).text

def write(module, folder):
    text, children = stub(module), submodules(module)
    base = os.path.join(os.path.abspath(folder), *module.__name__.split('.'))
    path, other = base + '.pyi', os.path.join(base, '__init__.pyi')
    if children:
        path, other = other, path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8', newline='\n') as file:
        file.write(text)
    if os.path.exists(other):  # an older stub, which would hide the new one
        with open(other, encoding='utf-8') as file:
            is_ours = file.readline() == MARK
        if is_ours:
            os.remove(other)
    return [path, *(each for child in children.values() for each in write(child, folder))]
)py";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
