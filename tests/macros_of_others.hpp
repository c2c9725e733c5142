// tests/macros_of_others.hpp: macros that programs have from elsewhere when they include latepy, with names of no
// prefix. Included after the standard headers, as those would not compile with them either.
// SPDX-License-Identifier: MIT
#pragma once

// Qt, <QObject> and <QtGlobal>.
#define slots
#define signals public
#define emit
#define foreach Q_FOREACH
#define forever for (;;)

// Windows, <windows.h> without NOMINMAX and WIN32_LEAN_AND_MEAN.
#undef min
#undef max
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define small char
#define near
#define far
#define interface struct
#define ERROR 0
#define IN
#define OUT
#define DELETE (0x00010000L)
#define GetObject GetObjectW

// X11, <X11/Xlib.h> and <X11/X.h>.
#define Status int
#define Success 0
#define None 0L
#define Bool int
#define Always 2
#define Above 0
#define Below 1
#define Unsorted 0
#define True 1
#define False 0

// The Unreal Engine.
#define check(expr) \
  {                 \
    if (!(expr)) {  \
    }               \
  }
#define verify(expr) \
  {                  \
    if (!(expr)) {   \
    }                \
  }
#define ensure(expr) (!!(expr))
#define TEXT(x) L##x
#define PI (3.1415926535897932f)
