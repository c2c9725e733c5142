// latepy/memory/detail/pandas_source.hpp: Python code: makes a pandas.DataFrame of columns.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// A column is (name, kind, values, nulls): values are an ndarray or a list; nulls are an ndarray of bool or None. The
/// kind is "datetime64[ns]" or the like, with the zone after a space, or "".
inline constexpr char pandas_source[] = R"(
def frame(columns):
    import pandas
    made = {}
    for name, kind, values, nulls in columns:
        if kind:
            kind, _, zone = kind.partition(' ')
            values = values.view(kind)
            if nulls is not None:
                values = values.copy()
                values[nulls] = 'NaT'
            if zone:
                values = pandas.Series(values, copy=False).dt.tz_localize('UTC').dt.tz_convert(zone)
        elif nulls is not None and values.dtype.kind == 'f':
            values = values.copy()
            values[nulls] = float('nan')
        elif nulls is not None and values.dtype.kind == 'b':
            values = pandas.arrays.BooleanArray(values, nulls)
        elif nulls is not None:
            values = pandas.arrays.IntegerArray(values, nulls)
        elif isinstance(values, list) and not values:
            values = pandas.Series(['']).iloc[:0]  # text, as with rows
        made[name] = values
    return pandas.DataFrame(made, copy=False)
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
