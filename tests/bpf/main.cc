// The tests of the BPF programs need root: they load programs and make network namespaces. Everything they make lives
// in namespaces of this process and ends with it.
#define DOCTEST_CONFIG_IMPLEMENT
#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (geteuid() != 0) {
    std::fprintf(stderr, "bpf_tests: loading BPF programs needs root; run it with sudo\n");
    return 1;
  }
  signal(SIGPIPE, SIG_IGN);
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  libbpf_set_print([](libbpf_print_level level, const char* format, va_list arguments) {
    return level == LIBBPF_WARN ? std::vfprintf(stderr, format, arguments) : 0;
  });
  doctest::Context context(argc, argv);
  return context.run();
}
