// tests/libraries/library.hpp: what each library of whole_libraries_test.cpp offers: latepy, as that library sees it.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

/// A class that all of them know, and that one of them gives to Python.
struct Part {
  long number = 0;
  long plus(long more) const { return number + more; }
};

/// One of the program, and one of each shared library. Every function uses the latepy of its own library.
struct Library {
  bool (*start)();  ///< makes an Interpreter; \returns whether it attached
  void (*end)();    ///< destroys it
  const void* (*interpreter)();
  const void* (*current)();  ///< Interpreter::current(); null where it throws
  const void* (*shared)();   ///< what all libraries share
  const void* (*state)();    ///< what those share that the dynamic linker gave one copy of latepy
  bool (*is_alone)();        ///< whether this is the only one with that state
  bool (*is_running)();
  bool (*may_start_again)();

  void (*exec)(const char* code);
  long (*eval)(const char* expression);

  void* (*make)(const char* expression);  ///< an Object, made by new
  long (*use)(void* object);              ///< its value
  void (*drop)(void* object);             ///< deletes it

  /// Calls a function that throws. \returns the name of the class that caught it here, the error's type and message,
  /// and whether it knows what it is and where it was raised.
  std::string (*caught)(void (*function)(const char*), const char* argument);
  void (*throw_value_error)(const char* message);
  void (*throw_conversion_error)(const char* expression);
  void (*throw_state_error)(const char*);
  void (*keep_error)(void (*function)(const char*), const char* argument);
  std::string (*kept_traceback)();

  /// `name`, a host function of this library: adds `plus`; throws std::out_of_range for -1, KeyError for -2.
  void (*define)(const char* name, long plus);
  std::string (*call)(const char* name, long argument);  ///< the result, or what is caught of it

  void (*define_class)();                         ///< Part, as the class Part of the module `parts`
  void (*give)(const char* name, long number);    ///< a Part of this library as a global
  long (*number_of)(const char* expression);      ///< of the Part that an expression gives, which it counts up

  /// Calls a function with the GIL, and without it; in a thread of this library, while this one has let go of the GIL.
  void (*with_gil)(void (*function)(void*), void* argument);
  void (*without_gil)(void (*function)(void*), void* argument);
  void (*in_thread)(void (*function)(void*), void* argument);

  void (*keep)();  ///< an Object in static storage, and one of this thread
};
