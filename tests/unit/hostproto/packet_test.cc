// Packets with descriptors over a real socket pair.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "hostproto/messages.h"

namespace enforcer::hostproto {
namespace {

struct Ends {
  Ends() {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    left = Fd(fds[0]);
    right = Fd(fds[1]);
  }
  Fd left;
  Fd right;
};

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

TEST_CASE("a_packet_arrives_with_its_descriptors_in_order") {
  Ends ends;
  int pipe_ends[2];
  REQUIRE(pipe2(pipe_ends, O_CLOEXEC) == 0);
  const Fd reader(pipe_ends[0]);
  const Fd writer(pipe_ends[1]);
  REQUIRE(send_packet(ends.left.get(), "hello", {reader.get(), writer.get()}));

  auto received = receive_packet(ends.right.get());
  REQUIRE(received);
  REQUIRE(received->has_value());
  Packet packet = *std::move(*received);
  CHECK(packet.text == "hello");
  REQUIRE(packet.descriptors.size() == 2);
  CHECK((fcntl(packet.descriptors[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
  REQUIRE(write(packet.descriptors[1].get(), "x", 1) == 1);
  char byte = 0;
  CHECK(read(packet.descriptors[0].get(), &byte, 1) == 1);
  CHECK(byte == 'x');
}

TEST_CASE("an_empty_socket_is_nothing_and_a_closed_one_is_an_error") {
  Ends ends;
  auto nothing = receive_packet(ends.right.get());
  REQUIRE(nothing);
  CHECK_FALSE(nothing->has_value());
  ends.left.reset();
  CHECK_FALSE(receive_packet(ends.right.get()));
  CHECK_FALSE(send_packet(ends.right.get(), "x", {}));
}

TEST_CASE("refuses_an_oversized_packet_without_losing_the_next") {
  Ends ends;
  CHECK_FALSE(send_packet(ends.left.get(), std::string(kMaxMessage + 1, 'x'), {}));
  const std::string huge(kMaxMessage + 100, 'x');
  REQUIRE(send(ends.left.get(), huge.data(), huge.size(), 0) == static_cast<ssize_t>(huge.size()));
  CHECK_FALSE(receive_packet(ends.right.get()));
  REQUIRE(send_packet(ends.left.get(), std::string(kMaxMessage, 'y'), {}));
  auto next = receive_packet(ends.right.get());
  REQUIRE(next);
  REQUIRE(next->has_value());
  CHECK((*next)->text.size() == kMaxMessage);
}

TEST_CASE("no_descriptor_leaks_from_a_refused_packet") {
  const auto before = open_descriptors();
  {
    Ends ends;
    const Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
    REQUIRE(send_packet(ends.left.get(), "not a message", std::vector<int>(200, null.get())));
    auto received = receive_packet(ends.right.get());
    REQUIRE(received);
    REQUIRE(received->has_value());
    CHECK((*received)->descriptors.size() == 200);
    CHECK_FALSE(decode_request((*received)->text));
  }
  CHECK(open_descriptors() == before);
  Ends ends;
  CHECK_FALSE(send_packet(ends.left.get(), "x", std::vector<int>(254, 0)));
}

TEST_CASE("a_peer_that_does_not_read_is_an_error_not_a_wait") {
  Ends ends;
  bool refused = false;
  for (int i = 0; i < 10'000 && !refused; ++i) refused = !send_packet(ends.left.get(), std::string(1000, 'x'), {});
  CHECK(refused);
}

}  // namespace
}  // namespace enforcer::hostproto
