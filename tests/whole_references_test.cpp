// Tests that nothing keeps or loses references: what is done thousands of times leaves Python as it was.
// SPDX-License-Identifier: MIT
#include "python.hpp"

#include <latepy/stl/map.hpp>
#include <latepy/stl/vector.hpp>

#include <thread>

using py::Mode;
using py::Object;

namespace {

/// `thing`, `function` and the like are used by what is measured, and watched.
const Object& world() {
  static const Object names = [] {
    Object made = (python(), py::dict());
    python().exec(R"(
        class Thing:
            value = 1
            def method(self, *positional, **named): return positional
            def __eq__(self, other): return self is other
            def __lt__(self, other): raise ValueError('not ordered')
            def __add__(self, other): return other
            def __index__(self): raise LookupError('no index')
            __hash__ = object.__hash__

        def function(*positional, **named): return positional
        def chained():
            try: raise KeyError('inner')
            except KeyError as error: raise ValueError('outer') from error
        def broken():
            yield thing
            raise ValueError('in the middle')

        thing, key, three, mapping = Thing(), 'a key of its own', [1, 2, 3], {'a': 1, 'b': 2}
        watched = {'None': None, 'True': True, '1': 1, 'Thing': Thing, 'ValueError': ValueError, 'dict': dict, 'list': list,
                   'thing': thing, 'function': function, 'method': Thing.method, 'key': key, 'three': three, 'mapping': mapping,
                   'globals': globals()}
    )", made);
    watched() = made["watched"];
    return made;
  }();
  return names;
}
Object named(const char* name) { return world()[name]; }

}  // namespace

TEST_CASE("a leak would be seen: a new object, and one reference more or less to an old one") {
  std::vector<Object> kept;
  const Object thing = named("thing");
  CHECK_THAT(drift([&] { kept.push_back(py::list()); }), ContainsSubstring("whole +"));
  CHECK_THAT(drift([&] { kept.push_back(thing); }), ContainsSubstring("thing +3000"));
  CHECK_THAT(drift([&] { kept.pop_back(); }), ContainsSubstring("-3000"));
}

TEST_CASE("compiled code") {
  const Object globals = world();
  const py::Code eval("[thing, three]", Mode::eval), run("x = thing\n(x, 1.5)", Mode::run), fails("1 // 0", Mode::eval);
  CHECK_STEADY(eval(globals));
  CHECK_STEADY(run(globals));
  CHECK_STEADY(run.try_run(globals).value());
  CHECK_STEADY(fails.try_run<int>(globals).error());
  CHECK_STEADY(thrown<py::ZeroDivisionError>([&] { fails(globals); }));
  CHECK_STEADY(eval(py::dict("thing"_a = 1, "three"_a = 2)));
}

TEST_CASE("calls") {
  const Object function = named("function"), thing = named("thing"), three = named("three"), mapping = named("mapping");
  CHECK_STEADY(function());
  CHECK_STEADY(function(thing, 1000, "text", nullptr, 2.5));
  CHECK_STEADY(function(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, thing, "x"_a = thing));
  CHECK_STEADY(function(thing, "x"_a = thing, "y"_a = 1000));
  CHECK_STEADY(function("x"_a = thing, thing));
  CHECK_STEADY(function(py::args(three), py::kwargs(mapping), "x"_a = thing));
  CHECK_STEADY(function.call<void>(py::args("ab")));
  CHECK_STEADY(thrown<py::TypeError>([&] { function("x"_a = thing, "x"_a = 1000); }));
  CHECK_STEADY(thrown<py::TypeError>([&] { function(thing, "x"_a); }));
  CHECK_STEADY(thrown<py::TypeError>([&] { function(py::kwargs(mapping), "a"_a = thing); }));
  CHECK_STEADY(thrown<py::TypeError>([&] { function(thing, py::args(5)); }));
  CHECK_STEADY(thrown<py::TypeError>([&] { thing(1000); }));
  CHECK_STEADY(thing.try_call(1000).error());
}

TEST_CASE("method calls") {
  const Object thing = named("thing"), three = named("three"), key = named("key");
  CHECK_STEADY(thing.call_method("method", thing, 1000));
  CHECK_STEADY(thing.attr("method")(thing, "x"_a = 1000));
  CHECK_STEADY(thing.call_method(std::string("method"), py::args(three)));
  CHECK_STEADY(Object method = thing.attr("method"); method(thing));
  CHECK_STEADY(thrown<py::AttributeError>([&] { thing.call_method("no_such_method", thing); }));
  CHECK_STEADY(thrown<py::AttributeError>([&] { thing.call_method("no_such_method", py::args(three)); }));
  CHECK_STEADY(key.call_method("upper").call_method("split", " ", "maxsplit"_a = 1));
}

TEST_CASE("attributes") {
  const Object thing = named("thing");
  CHECK_STEADY(thing.attr("value").as<int>());
  CHECK_STEADY(thing.attr("one") = thing; thing.attr("one") = 1000; thing.attr("one") += 1; thing.attr("one").del());
  CHECK_STEADY(thing.attr("made at run time") = thing.attr("value"); thing.attr("made at run time").del());
  CHECK_STEADY(thing.attr("__class__").attr("__name__").as<std::string>());
  CHECK_STEADY(thing.has_attr("value"), thing.has_attr("none"), thing.get_attr("none", thing), thing.get_attr("value", 1000));
  CHECK_STEADY(thrown<py::AttributeError>([&] { Object none = thing.attr("none"); }));
  CHECK_STEADY(thrown<py::AttributeError>([&] { thing.attr("none").del(); }));
  CHECK_STEADY(thrown<py::AttributeError>([&] { py::none().attr("none") = thing; }));
}

TEST_CASE("items") {
  const Object mapping = named("mapping"), three = named("three"), key = named("key"), thing = named("thing");
  CHECK_STEADY(mapping["a"].as<int>());
  CHECK_STEADY(mapping[key] = thing; mapping[key] = mapping["a"]; mapping[key] += 1000; mapping[key].del());
  CHECK_STEADY(three[0] = three[-1]; three[0] = 1; three[py::slice(0, 2)].as<Object>());
  CHECK_STEADY(mapping.contains(key), mapping.contains("a"), three.contains(thing));
  CHECK_STEADY(thrown<py::KeyError>([&] { mapping[key].as<int>(); }));
  CHECK_STEADY(thrown<py::IndexError>([&] { three[1000].as<int>(); }));
  CHECK_STEADY(thrown<py::TypeError>([&] { mapping[three] = thing; }));
  CHECK_STEADY(thrown<py::TypeError>([&] { thing[key].del(); }));
}

TEST_CASE("conversions, also those that fail") {
  const Object key = named("key"), three = named("three"), thing = named("thing"), mapping = named("mapping");
  CHECK_STEADY(key.as<std::string>(), three.as<std::vector<int>>(), mapping.as<std::map<std::string, int>>());
  CHECK_STEADY(py::to_py(std::vector<std::string>{"a", "b"}), py::to_py(std::map<std::string, double>{{"a", 1.5}}));
  CHECK_STEADY(py::to_py(std::uint64_t(-1)).as<std::uint64_t>(), py::to_py(1.5).as<float>(), py::to_py(true).as<bool>());
  CHECK_STEADY(thrown<py::ConversionError>([&] { key.as<int>(); }));
  CHECK_STEADY(thrown<py::ConversionError>([&] { three.as<std::vector<std::string>>(); }));
  CHECK_STEADY(thrown<py::ConversionError>([&] { py::to_py(std::uint64_t(-1)).as<int>(); }));
  CHECK_STEADY(thrown<py::LookupError>([&] { thing.as<int>(); }));
  CHECK_STEADY(key.try_as<int>(), key.is<double>(), three.try_as<std::vector<std::string>>(), three.is<std::vector<int>>());
  CHECK_STEADY(named("function").try_call<int>(thing).error());
}

TEST_CASE("errors that were caught, with all that is asked of them") {
  const Object chained = named("chained");
  CHECK_STEADY(thrown<py::ValueError>([&] { chained(); }));
  CHECK_STEADY(chained.try_call().error().traceback());
  CHECK_STEADY(chained.try_call().error().cause()->value());
  CHECK_STEADY(chained.try_call().error().is("LookupError"));
  CHECK_STEADY(chained.try_call().error().is(Object(python().get("builtins.LookupError"))));
  CHECK_STEADY(py::PythonError copy = chained.try_call().error(); thrown<py::ValueError>([&] { copy.rethrow(); }));
  CHECK_STEADY(py::ValueError("made by C++").value());
}

TEST_CASE("iteration") {
  const Object three = named("three"), mapping = named("mapping"), broken = named("broken");
  CHECK_STEADY(for (Object each : three) (void)each);
  CHECK_STEADY(for (Object each : three) if (each == 2) break);
  CHECK_STEADY(for (auto [key, value] : py::items(mapping)) (void)value);
  CHECK_STEADY(thrown<py::ValueError>([&] { for (Object each : broken()) (void)each; }));
  CHECK_STEADY(thrown<py::TypeError>([&] { for (Object each : broken) (void)each; }));
}

TEST_CASE("comparisons and other operators") {
  const Object thing = named("thing"), three = named("three");
  CHECK_STEADY((void)(thing == thing), (void)(thing != 1000), (void)(1000 == thing), py::compare(thing, py::Op::eq, 1000));
  CHECK_STEADY(thing + three, thing + 1000, three + three, three * 2, -py::to_py(1000));
  CHECK_STEADY(Object sum = py::to_py(1000); sum += 1000; sum *= sum; sum = three; sum = thing);
  CHECK_STEADY(thrown<py::ValueError>([&] { (void)(thing < 1000); }));
  CHECK_STEADY(thrown<py::TypeError>([&] { three + thing; }));
}

TEST_CASE("built-in functions, also where one of many values fails") {
  const Object thing = named("thing"), three = named("three"), mapping = named("mapping");
  CHECK_STEADY(py::list(thing, 1000), py::tuple(thing, "x"), py::set(thing, 1000), py::dict("x"_a = thing), py::list_of(three));
  CHECK_STEADY(thrown<py::TypeError>([&] { py::set(thing, three); }));
  CHECK_STEADY(thrown<py::ConversionError>([&] { py::list(thing, 1000, std::string("\xff")); }));
  CHECK_STEADY(thrown<py::TypeError>([&] { py::dict("x"_a = thing, "y"_a); }));
  CHECK_STEADY(py::str(thing), py::repr(three), py::len(three), py::hash(thing), py::type(thing), py::dir(thing), py::none());
  CHECK_STEADY(py::isinstance(thing, named("Thing")), py::divmod(7, 2), py::pow(3, 4, 5), py::integer("1000"));
}

TEST_CASE("an interpreter as a place to run in") {
  const Object globals = world(), thing = named("thing");
  CHECK_STEADY(python().eval("[thing, 1000]", globals));
  CHECK_STEADY(python().exec("def made(): return thing", globals));
  CHECK_STEADY(python().run_string("x = thing\n[x]", globals));
  CHECK_STEADY(python().try_eval<int>("no_such_name", globals).error());
  CHECK_STEADY(python().try_eval<int>("1 +", globals).error());
  CHECK_STEADY(python().call<double>("math", "hypot", 3, 4));
  CHECK_STEADY(python().try_call<double>("math", "sqrt", -1).error());
  CHECK_STEADY(python().get("os.path.sep"), python().import_module("os.path"), python().globals());
  CHECK_STEADY(python()["x"] = thing; python()["x"].as<Object>(); python()["x"].del());
}

TEST_CASE("references dropped on a thread without the GIL go at the next entry") {
  const Object thing = named("thing");
  CHECK_STEADY(std::thread([one = thing, two = py::list(thing)] {}).join(); py::GilGuard());
}
