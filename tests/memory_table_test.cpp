// Tests of latepy/memory/table.hpp: Table, from_arrow(), pandas and pyarrow.
// SPDX-License-Identifier: MIT
#include <chrono>
#include <cstdint>
#include <thread>

// Arrow's own headers may come first: they have these guards and structs.
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_NULLABLE 2
struct ArrowSchema {
  const char *format, *name, *metadata;
  int64_t flags, n_children;
  ArrowSchema **children, *dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};
struct ArrowArray {
  int64_t length, null_count, offset, n_buffers, n_children;
  const void** buffers;
  ArrowArray **children, *dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

#include <latepy/latepy.hpp>
#include <latepy/memory/float16.hpp>
#include <latepy/memory/table.hpp>
#include <latepy/stl/vector.hpp>

#include "arrow_ctypes.hpp"
#include "in_child.hpp"
#include "refusals.hpp"

using py::Column;
using py::from_arrow;
using py::Object;
using py::Table;
using py::unowned;
using py::View;
using namespace py::detail;
using namespace std::chrono_literals;

namespace {

template <class Unit>
using Time = std::chrono::time_point<std::chrono::system_clock, Unit>;
using Nanos = Time<std::chrono::nanoseconds>;

template <class T>
std::vector<T> values(const Column<T>& column) {
  return std::vector<T>(column.begin(), column.end());
}
std::size_t living() { return with_arrow("len(living)").as<std::size_t>(); }
bool has(const char* package) { return python().try_exec("import " + std::string(package)).has_value(); }
/// Consumes a capsule of C++, as another library does.
template <class S>
S move_out(const Object& capsule) {
  S* const inside = static_cast<S*>(api().Capsule_GetPointer(capsule.ptr(), arrow_capsule<S>));
  REQUIRE(inside);
  return std::exchange(*inside, S{});
}
/// A table with a column of each type.
Table every_type() {
  Table table;
  table.add("int", std::vector<std::int32_t>{1, 2, 3})
      .add("bool", std::vector<bool>{true, false, true})
      .add("text", std::vector<std::string>{"a", "", "\xc3\xa4"})
      .add("time", std::vector<Nanos>{Nanos(), Nanos(1s), Nanos(24h)})
      .add("int?", std::vector<std::optional<std::int64_t>>{1, std::nullopt, (std::int64_t(1) << 53) + 1})
      .add("float?", std::vector<std::optional<float>>{std::nullopt, 2.5f, std::nullopt})
      .add("bool?", std::vector<std::optional<bool>>{false, true, std::nullopt})
      .add("text?", std::vector<std::optional<std::string_view>>{"a", std::nullopt, "c"})
      .add("time?", std::vector<std::optional<Time<std::chrono::minutes>>>{Time<std::chrono::minutes>(2min),
                                                                           std::nullopt, std::nullopt});
  return table;
}
constexpr char every_value[] =
    "{'int': [1, 2, 3], 'bool': [True, False, True], 'text': ['a', '', '\\xe4'], 'time': [0, 10**9, 86400 * 10**9], "
    "'int?': [1, None, 2**53 + 1], 'float?': [None, 2.5, None], 'bool?': [False, True, None], "
    "'text?': ['a', None, 'c'], 'time?': [120, None, None]}";

}  // namespace

TEST_CASE("a Table is columns with names, which Arrow's stream and array give as they are") {
  python();
  const Table table = every_type();
  CHECK((table.rows() == 3 && table.columns() == 9 && table.names()[7] == "text?"));
  if (arrow().is_empty()) SKIP("this CPython has no ctypes");
  const std::string wanted = every_value;
  CHECK(with_arrow(("chunks(it.__arrow_c_stream__(requested_schema=None)) == [" + wanted + "]").c_str(), table.object())
            .as<bool>());
  CHECK(with_arrow(("to_list(it.__arrow_c_array__()) == ('+s', " + wanted + ")").c_str(), table.object()).as<bool>());
  arrow()["schema"] = with_arrow("move(it.__arrow_c_schema__(), Schema)", table.object());
  CHECK(with_arrow("[schema.children[i].contents.format.decode() for i in range(9)] == "
                   "['i', 'b', 'u', 'tsn:UTC', 'l', 'f', 'b', 'u', 'tss:UTC']")
            .as<bool>());
  with_arrow("let_go(schema)");
  CHECK(with_arrow("chunks(it.__arrow_c_stream__()) == []", Table().object()).as<bool>());
}

TEST_CASE("columns of views and of vectors that were moved in share their memory, both ways") {
  python();
  std::vector<double> numbers{1, 2, 3};
  std::vector<int> moved{4, 5, 6};
  const int* const there = moved.data();
  const View view = py::view(numbers.data(), 3, unowned);
  {
    Table table;
    table.add("x", view).add("n", std::move(moved));
    CHECK(view.exports() == 1);
    const Table back = from_arrow(table.object());
    CHECK((back.column<double>("x").data() == numbers.data() && back.column<int>("n").data() == there));
    CHECK(table.column<double>("x").data() == numbers.data());
    numbers[1] = 20;
    CHECK(values(back.column<double>("x")) == std::vector<double>{1, 20, 3});
    const Column<double> kept = back.column<double>("x");
    Table copy = table;
    copy.add("more", std::vector<bool>(3));
    CHECK((table.columns() == 2 && copy.columns() == 3));
    CHECK(!View(view).try_withdraw());
  }
  CHECK(view.exports() == 0);
}

TEST_CASE("what cannot be a column is refused in words, and the Table stays as it was") {
  python();
  Table table;
  table.add("x", std::vector<int>{1, 2});
  const auto why = [&](auto&& name, auto&& items) { return said<py::ValueError>([&] { table.add(name, items); }); };
  CHECK(why("y", std::vector<int>{1}) ==
        "ValueError: the column 'y' has 1 rows, and the other columns of the latepy::Table have 2");
  CHECK(why("x", std::vector<int>{1, 2}) ==
        "ValueError: a latepy::Table has a column 'x' already: give the new one another name");
  CHECK(why("\xff", std::vector<int>{1, 2}) ==
        "ValueError: the name of a column of a latepy::Table must be UTF-8 without a NUL");
  CHECK_THAT(why(std::string_view("a\0b", 3), std::vector<int>{1, 2}),
             ContainsSubstring("must be UTF-8 without a NUL"));
  CHECK(
      why("y", std::vector<std::string>{"a", "\xed\xa0\x80"}) ==
      "ValueError: the text in row 1 of the column 'y' is no UTF-8, which Arrow wants: convert it, or add the bytes as "
      "numbers");
  double numbers[4] = {};
  View view = py::view(numbers, {2, 2}, unowned), gone = py::view(numbers, 2, unowned);
  CHECK_THAT(why("y", view), ContainsSubstring("a column has one dimension"));
  gone.withdraw();
  CHECK_THAT(why("y", gone), ContainsSubstring("was withdrawn"));
  CHECK(said<py::OverflowError>([] {
          using Years = std::chrono::duration<std::int64_t, std::ratio<31556952>>;
          Table().add("t", std::vector<Time<Years>>{Time<Years>(Years(300000000000))});
        }) ==
        "OverflowError: the time in row 0 of the column 't' is too far from 1970 for the unit of its column: use "
        "seconds");
  using Unsigned = std::chrono::duration<std::uint64_t>;
  CHECK_THAT(said<py::OverflowError>([] {
               Table().add("t", std::vector<Time<Unsigned>>{Time<Unsigned>(Unsigned(std::uint64_t(1) << 63))});
             }),
             ContainsSubstring("the time in row 0 of the column 't' is too far from 1970"));
  CHECK((table.columns() == 1 && view.exports() == 0));
}

TEST_CASE("a Table reads its columns, and says which there are") {
  python();
  const Table table = every_type();
  CHECK(values(table.column<std::string_view>("text")) == std::vector<std::string_view>{"a", "", "\xc3\xa4"});
  CHECK(table.column<Nanos>("time")[2] == Nanos(24h));
  CHECK(values(table.column<std::optional<bool>>("bool?")) ==
        std::vector<std::optional<bool>>{false, true, std::nullopt});
  CHECK(table.column<std::optional<Time<std::chrono::seconds>>>("time?")[0]->time_since_epoch() == 2min);
  const auto numbers = table.column<std::optional<float>>("float?");
  CHECK((numbers.null_count() == 2 && numbers.is_null(0) && numbers.data()[1] == 2.5f));
  CHECK(said<py::KeyError>([&] {
          Table().add("a", std::vector<int>{}).add("b", std::vector<int>{}).column<int>("c");
        }) == "KeyError: this latepy::Table has no column 'c': it has 'a', 'b'");
  CHECK_THAT(said<py::KeyError>([&] { table.column<int>(std::string_view("a\0b", 3)); }),
             ContainsSubstring("has no column 'a\\x00b': it has '"));
  CHECK(said<py::ConversionError>([&] { table.column<double>("int"); }) ==
        "cannot read the column 'int' as latepy::Column<double>: it has int32, and float64 is wanted");
  CHECK(
      said<py::ConversionError>([&] { table.column<float>("float?"); }) ==
      "cannot read the column 'float?' as latepy::Column<float>: it has 2 nulls, the first in row 0: take a Column of "
      "std::optional");
  bool truths[2] = {true, false};
  CHECK(values(Table().add("b", py::view(truths, 2, unowned)).column<bool>("b")) == std::vector<bool>{true, false});
}

TEST_CASE("a Table tells the type of each column, and whether it has nulls") {
  const auto text = [](const Table& table) {
    std::string all;
    for (const py::ColumnInfo& each : table.schema())
      all += each.name + ": " + each.type + " " + each.format + (each.is_nullable ? " nullable " : " whole ") +
             std::to_string(each.null_count) + "\n";
    return all;
  };
  CHECK(text(every_type()) ==
        "int: int32 i nullable 0\nbool: bool b nullable 0\ntext: text u nullable 0\n"
        "time: timestamp in ns of zone UTC tsn:UTC nullable 0\nint?: int64 l nullable 1\n"
        "float?: float32 f nullable 2\nbool?: bool b nullable 1\ntext?: text u nullable 1\n"
        "time?: timestamp in s of zone UTC tss:UTC nullable 2\n");
  CHECK(Table().schema().empty());
  python();
  if (arrow().is_empty()) return;
  const Table other = from_arrow(with_arrow(
      "Array(schema_of('+s', children=[schema_of('n', 'nothing')]), chunk_of(1, [None], children=[chunk_of(1, [])]))"));
  CHECK(text(other).find("nothing: null n ") == 0);
  CHECK(other.schema()[0].null_count == 1);
}

TEST_CASE("the table of another library is read and passed on without a copy") {
  python();
  if (arrow().is_empty()) SKIP("this CPython has no ctypes");
  with_arrow("living.clear()");
  {
    const Table table = from_arrow(with_arrow(
        "Stream(schema_of('+s', children=[schema_of('g', 'x'), schema_of('+l', 'lists', [schema_of('g', 'item')]), "
        "schema_of('c', 'keys', dictionary=schema_of('g'))]), ["
        "chunk_of(2, [None], offset=1, children=[doubles([9, 1, 2, 3]), "
        "chunk_of(3, [None, pack('=4i', 0, 1, 2, 4)], children=[doubles([5, 6, 7, 8])]), "
        "chunk_of(3, [None, bytes([1, 0, 1])], dictionary=doubles([0.5, 1.5]))]), "
        "chunk_of(1, [None], children=[doubles([9, 4], offset=1), chunk_of(1, [None, pack('=2i', 0, 0)], "
        "children=[doubles([])]), chunk_of(1, [None, bytes(1)], dictionary=doubles([2.5]))])])"));
    CHECK((table.rows() == 3 && table.names() == std::vector<std::string>{"x", "lists", "keys"}));
    const auto numbers = table.column<double>("x");
    CHECK((values(numbers) == std::vector<double>{1, 2, 4} && numbers.is_copy()));
    const auto streamed = with_arrow("it.__arrow_c_stream__()", table.object());
    auto stream = move_out<ArrowArrayStream>(streamed);
    ArrowArray array{};
    REQUIRE(stream.get_next(&stream, &array) == 0);
    CHECK((array.length == 2 && array.children[0]->offset == 1 && array.children[1]->n_children == 1));
    REQUIRE(array.children[2]->dictionary);
    CHECK(static_cast<const double*>(array.children[2]->dictionary->buffers[1])[1] == 1.5);
    // The consumer may move a child elsewhere, and it lives on.
    ArrowArray child = std::exchange(*array.children[1], ArrowArray{});
    array.release(&array);
    CHECK(static_cast<const double*>(child.children[0]->buffers[1])[1] == 6);
    child.release(&child);
    stream.release(&stream);
    CHECK(said<py::ValueError>([&] { table.object().call_method("__arrow_c_array__"); })
              .find("ValueError: the column 'x' of this latepy.Table is in 2 chunks, and an array has one: use "
                    "__arrow_c_stream__()") == 0);
    CHECK(living() > 0);
    const Table cut = from_arrow(Table(table).add("n", std::vector<std::int8_t>{1, 2, 3}).object());
    CHECK((values(cut.column<std::int8_t>("n")) == std::vector<std::int8_t>{1, 2, 3} &&
           cut.column<std::int8_t>("n").is_copy()));  // in the chunks of the others
  }
  CHECK(living() == 0);
}

TEST_CASE("a table that is none is refused in words, and is released") {
  python();
  if (arrow().is_empty()) SKIP("this CPython has no ctypes");
  with_arrow("living.clear()");
  const auto why = [](const char* made) {
    const std::string text = said<py::ConversionError>([&] { from_arrow(with_arrow(made)); });
    CHECK(living() == 0);
    return text.substr(text.find("Table: ") + 7);
  };
  CHECK(why("Stream(schema_of('g'), [])") == "it is one column: take a latepy::Column, from_arrow<T>(object)");
  CHECK(why("Array(schema_of('+s', children=[schema_of('g', 'x')]), chunk_of(2, [b'\\1'], nulls=1, "
            "children=[doubles([1, 2])]))") == "row 1 of it is a null as a whole, which a table cannot have");
  CHECK(why("Array(schema_of('+s', children=[schema_of('g', 'x')]), chunk_of(2, [None], children=[doubles([1])]))") ==
        "the column 'x' has 1 rows, and there are 2");
  const Table twice = from_arrow(
      with_arrow("Array(schema_of('+s', children=[schema_of('g', 'x'), schema_of('g', 'x')]), chunk_of(1, [None], "
                 "children=[doubles([1]), doubles([2])]))"));
  CHECK(said<py::ValueError>([&] { twice.column<double>("x"); }) ==
        "ValueError: this latepy::Table has several columns 'x'");
}

TEST_CASE("capsules keep the memory until they are released, in each order and on any thread") {
  python();
  double number = 1;
  const View view = py::view(&number, 1, unowned);
  auto table = std::make_unique<Table>();
  table->add("x", view);
  Object object = table->object();
  Object dropped = object.call_method("__arrow_c_stream__");
  auto stream = move_out<ArrowArrayStream>(object.call_method("__arrow_c_stream__"));
  auto array = move_out<ArrowArray>(object.call_method("__arrow_c_array__")[1]);
  table.reset();
  object = Object();
  dropped = Object();
  CHECK(view.exports() == 1);
  {
    const py::GilRelease released;
    std::thread([&] {
      ArrowArray next{};
      if (stream.get_next(&stream, &next) == 0) next.release(&next);
      stream.release(&stream);
      array.release(&array);
    }).join();
  }
  CHECK(view.exports() == 0);
}

TEST_CASE("scripts see a latepy.Table, and host functions take and give one") {
  python();
  python().def("doubled", [](const Table& table) {
    std::vector<double> twice;
    for (const double each : table.column<double>("x")) twice.push_back(2 * each);
    return Table().add("twice", std::move(twice));
  });
  python()["table"] = Table().add("x", std::vector<double>{1, 2});
  python().exec(R"(
      assert type(table).__name__ == 'Table' and table.column_names == ['x']
      assert (table.num_rows, table.num_columns) == (2, 1) and len(table) == 2 and table
      twice = doubled(table)
  )");
  CHECK(values(python()["twice"].as<Table>().column<double>("twice")) == std::vector<double>{2, 4});
  python()["table"] = Table().add("x", std::vector<double>());
  CHECK(python().eval<bool>("not table and len(table) == 0 and table.column_names == ['x']"));
  const auto raised = [](const char* code) {
    const std::string text = said<py::PythonError>([&] { python().eval(code); });
    return text.substr(0, text.rfind(" ("));
  };
  CHECK(raised("type(table)()") == "TypeError: scripts cannot make a latepy.Table: the program makes it");
  CHECK(raised("table.__arrow_c_stream__(5)") ==
        "TypeError: __arrow_c_stream__(): requested_schema must be None or a capsule \"arrow_schema\", and it is 5");
  CHECK_THAT(raised("doubled(5)"), ContainsSubstring("it has no __arrow_c_stream__"));
  python().exec("del table, twice");
  const Table table = every_type();
  CHECK_STEADY(const Object each = table.object(); each.call_method("__arrow_c_stream__");
               each.call_method("__arrow_c_array__"); static_cast<void>(from_arrow(each)));
}

TEST_CASE("where pandas or pyarrow is missing, the remedy is told") {
  python();
  python().exec("import sys; hidden = {n: sys.modules.get(n) for n in ('pandas', 'pyarrow')}");
  python().exec("sys.modules['pandas'] = sys.modules['pyarrow'] = None");
  const Table table = Table().add("x", std::vector<int>{1});
  CHECK_THAT(said<py::ImportError>([&] { table.to_pandas(); }),
             ContainsSubstring("a pandas.DataFrame was asked for, and pandas cannot be imported: ") &&
                 ContainsSubstring("python -m pip install pandas), or use to_arrow()"));
  CHECK_THAT(said<py::ImportError>([&] { table.to_arrow(); }),
             ContainsSubstring("a pyarrow.Table was asked for, and pyarrow cannot be imported: ") &&
                 ContainsSubstring("python -m pip install pyarrow), or use to_pandas()"));
  python()["table"] = table;
  for (const char* const call : {"table.to_pandas()", "table.to_arrow()"})
    CHECK_THAT(said<py::ImportError>([&] { eval(call); }), ContainsSubstring("cannot be imported: "));
  python().exec("for n, m in hidden.items(): del sys.modules[n]; m and sys.modules.update({n: m})");
}

TEST_CASE("a DataFrame shares the columns with the program, and its columns come back without a copy", "[pandas]") {
  python();
  if (!has("pandas")) SKIP("this Python has no pandas");
  std::vector<double> numbers{1, 2, 3};
  const View view = py::view(numbers.data(), 3, unowned);
  {
    std::vector<int> moved{4, 5, 6};
    const int* const there = moved.data();
    const std::vector<double> fixed{7, 8, 9};
    python()["df"] =
        Table().add("x", view).add("n", std::move(moved)).add("fixed", py::view(fixed, unowned)).to_pandas();
    python().exec("df.loc[0, 'x'] = 10; assert not df['fixed'].values.flags.writeable");
    numbers[2] = 30;
    CHECK(eval("df['x'].tolist()").as<std::vector<double>>() == std::vector<double>{10, 2, 30});
    CHECK(numbers[0] == 10);
    CHECK(eval("df['x'].values").as<py::Array<const double>>().data() == numbers.data());
    CHECK(eval("df['n'].values").as<py::Array<const int>>().data() == there);
    CHECK(view.exports() > 0);
    python().exec("del df; import gc; gc.collect()");
  }
  CHECK(view.exports() == 0);
  python()["df"] = every_type().to_pandas();
  python().exec(R"(
      import pandas
      assert df['bool'].tolist() == [True, False, True] and df['text'].tolist() == ['a', '', '\xe4']
      assert df['time'][2] == pandas.Timestamp('1970-01-02', tz='UTC')
      assert str(df['int?'].dtype) == 'Int64' and df['int?'][2] == 2 ** 53 + 1 and df['int?'][1] is pandas.NA
      assert df['float?'].dtype == 'float32' and df['float?'].isna().tolist() == [True, False, True]
      assert df['bool?'][1] and df['bool?'][2] is pandas.NA
      assert df['text?'].isna().tolist() == [False, True, False]
      assert df['time?'].isna().tolist() == [False, True, True] and df['time?'][0].minute == 2
      del df
  )");
#if LATEPY_FLOAT16
  using Half = py::detail::float16;
  Table halves;
  halves.add("h", std::vector<Half>{Half(1.5f), 2})
      .add("h?", std::vector<std::optional<Half>>{Half(1.5f), std::nullopt});
  CHECK(halves.column<std::optional<Half>>("h?")[0] == Half(1.5f));
  python()["df"] = halves.to_pandas();
  python().exec(R"(
      assert df.dtypes.tolist() == ['float16', 'float16'] and df['h'].tolist() == [1.5, 2]
      assert df['h?'].isna().tolist() == [False, True]
      del df
  )");
#endif
  const std::string refused = said<py::ConversionError>([] { from_arrow(eval("pandas.Series([1, 2])")); });
  if (eval("int(pandas.__version__.split('.')[0])").as<int>() < 3)
    CHECK_THAT(refused, ContainsSubstring("pass pyarrow.Table.from_pandas(frame) or pyarrow.array(series)"));
  if (arrow().is_empty()) return;
  const Table lists = from_arrow(with_arrow(
      "Array(schema_of('+s', children=[schema_of('n', 'nothing')]), chunk_of(1, [None], children=[chunk_of(1, [])]))"));
  CHECK_THAT(said<py::NotImplementedError>([&] { lists.to_pandas(); }),
             ContainsSubstring("the column 'nothing' cannot go to pandas: it has null, which latepy does not give"));
}

TEST_CASE("a column of text is one in pandas without rows, too", "[pandas]") {
  python();
  if (!has("pandas")) SKIP("this Python has no pandas");
  const auto type_of = [](std::vector<std::string> texts) {
    return py::str(Table().add("text", texts).to_pandas().attr("dtypes")["text"]);
  };
  CHECK(type_of({}) == type_of({"a"}));
}

TEST_CASE("pyarrow shares a Table and gives its tables, of several chunks and of all types", "[pyarrow]") {
  python();
  if (!has("pyarrow")) SKIP("this Python has no pyarrow");
  std::vector<double> numbers{1, 2, 3};
  const View view = py::view(numbers.data(), 3, unowned);
  python()["table"] = every_type().add("x", view).to_arrow();
  python()["view"] = view;
  python().exec("import pyarrow; table.validate(full=True)");
  numbers[1] = 20;
  CHECK(eval("table['x'].to_pylist()").as<std::vector<double>>() == std::vector<double>{1, 20, 3});
  CHECK(eval("table['x'].chunk(0).buffers()[1].address").as<std::uintptr_t>() ==
        reinterpret_cast<std::uintptr_t>(numbers.data()));
  CHECK(eval("table['int?'].to_pylist()").as<Object>() == eval("[1, None, 2**53 + 1]"));
  CHECK(eval("table['text?'].to_pylist() == ['a', None, 'c'] and table.schema.field('time').type.tz == 'UTC'")
            .as<bool>());
  python().exec("assert pyarrow.array(view).to_pylist() == [1, 20, 3]");
  const Table back = from_arrow(python()["table"]);
  CHECK(back.column<double>("x").data() == numbers.data());
  CHECK(back.column<std::string_view>("text")[2] == "\xc3\xa4");
  python().exec(R"(
      odd = pyarrow.table({'lists': [[1], [], None], 'd': pyarrow.array(['a', 'b', 'a']).dictionary_encode(),
                           's': [{'a': 1}, {'a': None}, {'a': 3}], 'v': pyarrow.array(['x', None, 'a longer text than 12'],
                           pyarrow.string_view())})
      odd = pyarrow.concat_tables([odd, odd.slice(1), odd])
  )");
  const Table odd = from_arrow(python()["odd"]);
  CHECK(odd.column<std::optional<std::string>>("v")[4] == "a longer text than 12");
  python()["again"] = odd;
  python().exec("again = pyarrow.table(again); again.validate(full=True); assert again == odd");
  python().exec("assert pyarrow.record_batch(pyarrow.table(table).to_batches()[0]).num_rows == 3");
  CHECK(values(from_arrow<std::int64_t>(eval("pyarrow.chunked_array([[1, 2], [3]])"))) ==
        std::vector<std::int64_t>{1, 2, 3});
  python().exec("del table, view, odd, again; import gc; gc.collect()");
}

#if !LATEPY_WINDOWS
TEST_CASE("what was made of a Table may be released after the interpreter has stopped", "[stop]") {
  python();
  in_child([] {
    static double number = 1;
    Table table = every_type();
    std::optional<View> view;
    view.emplace(py::view(&number, 1, unowned));
    std::optional<Table> shares;
    shares.emplace().add("x", *view);
    std::optional<Table> back;
    back.emplace(from_arrow(shares->object()));
    auto stream = move_out<ArrowArrayStream>(table.object().call_method("__arrow_c_stream__"));
    auto array = move_out<ArrowArray>(shares->object().call_method("__arrow_c_array__")[1]);
    if (!python().stop(10s)) std::_Exit(3);
    array.release(&array);
    std::thread([&] {
      ArrowArray next{};
      if (stream.get_next(&stream, &next) != 0 || next.length != 3) std::_Exit(2);
      next.release(&next);
      stream.release(&stream);
    }).join();
    if (table.column<std::int32_t>("int")[2] != 3) std::_Exit(4);
    shares.reset();
    back.reset();
    view.reset();
    end_without_leak_check();
  });
}

TEST_CASE("a SubInterpreter has tables of its own, which leave through capsules", "[sub]") {
  python();
  in_child([] {
    ArrowArray array{};
    std::optional<Table> table;
    static double number = 5;
    {
      py::SubInterpreter sub;
      {
        const py::GilGuard gil(sub);
        table.emplace().add("x", py::view(&number, 1, unowned));
        sub["table"] = *table;
        sub.exec("assert table.column_names == ['x']");
        if (sub["table"].as<Table>().column<double>("x").data() != &number) std::_Exit(2);
        array = move_out<ArrowArray>(sub.eval("table.__arrow_c_array__()[1]"));
        if (from_arrow(sub.eval("table.__arrow_c_stream__()")).rows() != 1) std::_Exit(3);
      }
    }
    if (table->column<double>("x")[0] != 5) std::_Exit(4);
    table.reset();
    array.release(&array);
  });
}
#endif
