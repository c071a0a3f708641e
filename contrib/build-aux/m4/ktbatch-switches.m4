# The build's switches, all off by default, and the warnings and hardening that are always on.
# Results: KT_CFLAGS and KT_LDFLAGS for everything, KT_EXE_LDFLAGS for programs, ENABLE_FUZZING.

# KTBATCH_TRY_FLAG(FLAG, VARIABLE): appends FLAG to VARIABLE if the compiler takes it without a word.
AC_DEFUN([KTBATCH_TRY_FLAG], [
  kt_try_save=$CFLAGS
  CFLAGS="$CFLAGS -Werror $1"
  AC_MSG_CHECKING([whether $CC takes $1])
  AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes]); $2="$$2 $1"], [AC_MSG_RESULT([no])])
  CFLAGS=$kt_try_save
])

AC_DEFUN([KTBATCH_SWITCHES], [
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors])], [], [enable_werror=no])
  AC_ARG_ENABLE([sanitizers], [AS_HELP_STRING([--enable-sanitizers], [address and undefined-behaviour sanitizers])], [], [enable_sanitizers=no])
  AC_ARG_ENABLE([fuzzing], [AS_HELP_STRING([--enable-fuzzing], [libFuzzer harnesses (clang)])], [], [enable_fuzzing=no])
  AC_ARG_ENABLE([coverage], [AS_HELP_STRING([--enable-coverage], [gcov instrumentation])], [], [enable_coverage=no])

  KT_CFLAGS="-std=gnu17"
  KT_LDFLAGS=
  KT_EXE_LDFLAGS=
  for kt_flag in -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
      -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough \
      -Wno-missing-field-initializers -Wswitch-enum -fno-common -fvisibility=hidden; do
    KTBATCH_TRY_FLAG([$kt_flag], [KT_CFLAGS])
  done
  AS_IF([test "$enable_werror" = yes], [KT_CFLAGS="$KT_CFLAGS -Werror"])

  AS_IF([test "$enable_sanitizers" = yes], [
    KT_CFLAGS="$KT_CFLAGS -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
    KT_LDFLAGS="$KT_LDFLAGS -fsanitize=address,undefined"
    AC_DEFINE([KT_SANITIZED], [1], [Built with the sanitizers.])
  ], [
    # _FORTIFY_SOURCE needs an optimising build, and is at odds with the sanitizers.
    case " $CFLAGS " in
      *" -O1 "*|*" -O2 "*|*" -O3 "*) KT_CFLAGS="$KT_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2" ;;
    esac
    KTBATCH_TRY_FLAG([-fstack-protector-strong], [KT_CFLAGS])
  ])
  AS_IF([test "$enable_coverage" = yes], [
    KT_CFLAGS="$KT_CFLAGS --coverage"
    KT_LDFLAGS="$KT_LDFLAGS --coverage"
  ])
  AS_IF([test "$enable_fuzzing" = yes], [
    KT_CFLAGS="$KT_CFLAGS -fsanitize=fuzzer-no-link"
    KT_LDFLAGS="$KT_LDFLAGS -fsanitize=fuzzer-no-link"
  ])
  AM_CONDITIONAL([ENABLE_FUZZING], [test "$enable_fuzzing" = yes])

  KTBATCH_TRY_FLAG([-fPIE], [KT_CFLAGS])
  KTBATCH_TRY_FLAG([-pie], [KT_EXE_LDFLAGS])
  KTBATCH_TRY_FLAG([[-Wl,-z,relro,-z,now]], [KT_EXE_LDFLAGS])

  AC_SUBST([KT_CFLAGS])
  AC_SUBST([KT_LDFLAGS])
  AC_SUBST([KT_EXE_LDFLAGS])
])
