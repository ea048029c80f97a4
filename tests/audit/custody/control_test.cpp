// The socket through which commands reach a journal that another process writes.

#include "audit/custody/control.hpp"

#include "tests/audit/support/home.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {
namespace {

namespace json = boost::json;

// Long beside the time between a peer's connect() and its send() on a busy machine, short beside a test's.
constexpr std::chrono::milliseconds short_patience{500};

using ::testing::HasSubstr;
using testing::Home;

// A temporary folder with a long path has no room for a socket.
void copy_path(const std::string& path, sockaddr_un& name) {
  if (path.size() >= sizeof name.sun_path) {
    throw std::length_error("TMPDIR is too long a path for this test: " + path);
  }
  std::copy(path.begin(), path.end(), std::begin(name.sun_path));
}

class Control : public ::testing::Test {
 protected:
  std::unique_ptr<ControlServer> serve(ControlHandler handler, ControlTick tick = {},
                                       ControlLimits limits = {}) {
    return ControlServer::open(socket_, std::move(handler), std::move(tick), limits).value();
  }

  // A peer that does what ask_control() never would.
  [[nodiscard]] FileDescriptor connected() const {
    FileDescriptor peer(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string path = socket_.string();
    std::copy(path.begin(), path.end(), std::begin(name.sun_path));
    EXPECT_EQ(::connect(peer.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
    return peer;
  }

  // Whether the server still has it.
  static bool is_kept(const FileDescriptor& peer) {
    char byte = 0;
    return ::recv(peer.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0 || errno == EAGAIN;
  }

  // Returns when the server has let it go.
  static void wait_for_end(const FileDescriptor& peer) {
    std::string bytes(65'536, '\0');
    while (::recv(peer.get(), bytes.data(), bytes.size(), 0) > 0) {
    }
  }

  static Result<json::object> echo(const json::object& request, Requester who) {
    return json::object{{"heard", request}, {"uid", who.uid}};
  }

  // What the server answers to bytes that ask_control() would never send.
  [[nodiscard]] std::string raw(const std::string& bytes) const {
    const FileDescriptor peer(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string path = socket_.string();
    copy_path(path, name);
    EXPECT_EQ(::connect(peer.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
    EXPECT_GE(::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
    ::shutdown(peer.get(), SHUT_WR);
    std::string answer(control_bytes_max, '\0');
    const ssize_t got = ::recv(peer.get(), answer.data(), answer.size(), MSG_WAITALL);
    answer.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return answer;
  }

  Home home_{false};
  std::filesystem::path socket_ = home_.folder() / "control";
};

TEST_F(Control, AnswersWithWhatTheHandlerGivesAndWhoAsks) {
  const auto server = serve(echo);
  const auto answer = ask_control(socket_, {{"act", "rotate"}}).value();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->at("heard").at("act"), "rotate");
  EXPECT_EQ(answer->at("uid").to_number<uid_t>(), ::getuid());
}

TEST_F(Control, AFailureArrivesWithItsKindAndItsWords) {
  const auto server = serve([](const json::object&, Requester) -> Result<json::object> {
    return fail(FailureKind::refused, "there is a hold named \"x\" already\nreally");
  });
  const auto answer = ask_control(socket_, {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, FailureKind::refused);
  EXPECT_EQ(answer.error().message, "there is a hold named \"x\" already\nreally");
}

TEST_F(Control, WhereNobodyListensThereIsNoAnswerAndNoError) {
  EXPECT_FALSE(ask_control(socket_, {}).value());
  EXPECT_FALSE(ask_control(home_.folder() / "nowhere" / "control", {}).value());
  {
    const auto server = serve(echo);
  }
  EXPECT_FALSE(std::filesystem::exists(socket_));
  EXPECT_FALSE(ask_control(socket_, {}).value());
}

TEST_F(Control, TakesThePlaceOfASocketThatADeadProcessLeft) {
  {
    const FileDescriptor left(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_GE(left.get(), 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string path = socket_.string();
    copy_path(path, name);
    ASSERT_EQ(::bind(left.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  }
  EXPECT_FALSE(ask_control(socket_, {}).value()) << "nobody listens behind it";
  const auto server = serve(echo);
  EXPECT_TRUE(ask_control(socket_, {}).value());
}

TEST_F(Control, OnlyItsOwnerMayConnect) {
  const auto server = serve(echo);
  struct stat status{};
  ASSERT_EQ(::stat(socket_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(Control, WhatIsNoRequestIsRefusedAndTheNextOneIsServed) {
  const auto server = serve(echo);
  EXPECT_THAT(raw("not json\n"), HasSubstr("one JSON object"));
  EXPECT_THAT(raw("[1,2]\n"), HasSubstr("one JSON object"));
  EXPECT_EQ(raw("{\"act\":"), "") << "it ends without its newline";
  EXPECT_EQ(raw(std::string(control_bytes_max + 10, 'x')), "") << "it is too long";
  EXPECT_TRUE(ask_control(socket_, {}).value());
}

TEST_F(Control, ALongPathToTheFolderIsNoObstacle) {
  auto folder = home_.folder();
  for (int i = 0; i < 4; ++i) {
    folder /= std::string(60, 'd');
  }
  std::filesystem::create_directories(folder);
  socket_ = folder / "control";
  const auto server = serve(echo);
  EXPECT_TRUE(ask_control(socket_, {}).value());
}

TEST_F(Control, TicksAtItsStartAndBetweenRequests) {
  std::mutex mutex;
  std::condition_variable changed;
  int ticks = 0;
  const auto server = serve(echo, {std::chrono::milliseconds(1), [&] {
                                     const std::lock_guard lock(mutex);
                                     ++ticks;
                                     changed.notify_all();
                                     return false;
                                   }});
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return ticks >= 3; }));
  lock.unlock();
  EXPECT_TRUE(ask_control(socket_, {}).value());
}

TEST_F(Control, WhatIsAskedMeanwhileIsAnsweredBeforeTheNextPieceOfATick) {
  std::mutex mutex;
  std::condition_variable changed;
  std::string order;
  const auto note = [&](const char* what) {
    const std::lock_guard lock(mutex);
    order += what;
    changed.notify_all();
  };
  // Two peers ask while the first piece is done; nobody answers before that is over.
  const FileDescriptor one(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const FileDescriptor other(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto ask = [&](const FileDescriptor& peer) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string path = socket_.string();
    copy_path(path, name);
    EXPECT_EQ(::connect(peer.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
    EXPECT_EQ(::send(peer.get(), "{}\n", 3, MSG_NOSIGNAL), 3);
  };
  int pieces = 0;
  const auto server = serve(
      [&](const json::object& request, Requester who) {
        note("asked ");
        return echo(request, who);
      },
      {std::chrono::hours(1), [&] {
         note("piece ");
         if (++pieces == 1) {
           ask(one);
           ask(other);
         }
         return pieces < 3;
       }});
  std::unique_lock lock(mutex);
  const std::string_view expected = "piece asked asked piece piece ";
  changed.wait_for(lock, std::chrono::seconds(60), [&] { return order.size() >= expected.size(); });
  EXPECT_EQ(order, expected);
}

TEST_F(Control, NobodyWaitsForAPeerThatSendsNothingOrHalfARequest) {
  const auto server = serve(echo, {}, {std::chrono::hours(1), 16});
  const FileDescriptor silent = connected();
  const FileDescriptor slow = connected();
  ASSERT_EQ(::send(slow.get(), "{\"act\"", 6, MSG_NOSIGNAL), 6);
  EXPECT_TRUE(ask_control(socket_, {}).value());
  EXPECT_TRUE(is_kept(silent));
  EXPECT_TRUE(is_kept(slow));
  ASSERT_EQ(::send(slow.get(), ":1}\n", 4, MSG_NOSIGNAL), 4);
  std::string answer(64, '\0');
  EXPECT_GT(::recv(slow.get(), answer.data(), answer.size(), 0), 0) << "late, and answered";
}

TEST_F(Control, NobodyWaitsForAPeerThatDoesNotTakeItsAnswer) {
  const std::string much(8'000'000, 'x');
  const auto server = serve(
      [&](const json::object& request, Requester who) -> Result<json::object> {
        return request.contains("much") ? json::object{{"much", much}} : echo(request, who);
      },
      {}, {std::chrono::hours(1), 16});
  const FileDescriptor deaf = connected();
  ASSERT_EQ(::send(deaf.get(), "{\"much\":1}\n", 11, MSG_NOSIGNAL), 11);
  std::string piece(16, '\0');
  ASSERT_EQ(::recv(deaf.get(), piece.data(), piece.size(), MSG_WAITALL), 16) << "it is being answered";
  EXPECT_TRUE(ask_control(socket_, {}).value());
  EXPECT_TRUE(is_kept(deaf));
}

TEST_F(Control, WhoeverIsSlowIsDroppedWhenItsTimeIsOver) {
  const std::string much(8'000'000, 'x');
  const auto server = serve(
      [&](const json::object&, Requester) -> Result<json::object> { return json::object{{"much", much}}; },
      {}, {short_patience, 16});
  wait_for_end(connected());

  const FileDescriptor drop_by_drop = connected();
  while (::send(drop_by_drop.get(), " ", 1, MSG_NOSIGNAL) == 1) {
  }
  wait_for_end(drop_by_drop);

  const FileDescriptor deaf = connected();
  ASSERT_EQ(::send(deaf.get(), "{}\n", 3, MSG_NOSIGNAL), 3);
  wait_for_end(connected());  // its time began later, so that of the one before is over as well
  std::size_t taken = 0;
  std::string bytes(65'536, '\0');
  for (ssize_t got = 1; got > 0;) {
    got = ::recv(deaf.get(), bytes.data(), bytes.size(), 0);
    taken += got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  EXPECT_LT(taken, much.size());
}

TEST_F(Control, MoreThanTheLimitWaitAndAreServedInTurn) {
  const auto server = serve(echo, {}, {short_patience, 2});
  const FileDescriptor one = connected();
  const FileDescriptor other = connected();
  EXPECT_TRUE(ask_control(socket_, {}).value()) << "when the time of one is over";
  wait_for_end(one);
  wait_for_end(other);
}

// The command said by then that nothing came of it.
TEST_F(Control, WhatWasAskedByWhoeverHungUpMeanwhileIsNotDone) {
  std::mutex mutex;
  std::condition_variable changed;
  bool begun = false;
  bool go_on = false;
  std::vector<std::string> done;
  const auto server = serve([&](const json::object& request, const Requester& who) {
    std::unique_lock lock(mutex);
    done.emplace_back(request.at("act").as_string());
    begun = true;
    changed.notify_all();
    changed.wait(lock, [&] { return go_on; });
    return Result<json::object>(json::object{{"gave_up", who.gave_up()}});
  });
  const std::string first = R"({"act":"first"})"
                            "\n";
  const FileDescriptor waiting = connected();
  ASSERT_GT(::send(waiting.get(), first.data(), first.size(), MSG_NOSIGNAL), 0);
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return begun; });
  }
  {
    const std::string second = R"({"act":"second"})"
                               "\n";
    const FileDescriptor impatient = connected();
    ASSERT_GT(::send(impatient.get(), second.data(), second.size(), MSG_NOSIGNAL), 0);
  }
  {
    const std::lock_guard lock(mutex);
    go_on = true;
  }
  changed.notify_all();
  const auto third = ask_control(socket_, {{"act", "third"}}).value();
  ASSERT_TRUE(third);
  EXPECT_FALSE(third->at("gave_up").as_bool());
  EXPECT_EQ(done, (std::vector<std::string>{"first", "third"}));
}

TEST_F(Control, WhoeverHangsUpWhileItsRequestIsAnsweredIsNoticed) {
  std::mutex mutex;
  std::condition_variable changed;
  bool begun = false;
  bool closed = false;
  bool gave_up = false;
  const auto server = serve([&](const json::object& request, const Requester& who) {
    std::unique_lock lock(mutex);
    if (request.at("act").as_string() == "first") {
      begun = true;
      changed.notify_all();
      changed.wait(lock, [&] { return closed; });
      gave_up = who.gave_up();
    }
    return Result<json::object>(json::object());
  });
  {
    const std::string first = R"({"act":"first"})"
                              "\n";
    const FileDescriptor peer = connected();
    ASSERT_GT(::send(peer.get(), first.data(), first.size(), MSG_NOSIGNAL), 0);
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return begun; });
  }
  {
    const std::lock_guard lock(mutex);
    closed = true;
  }
  changed.notify_all();
  ASSERT_TRUE(ask_control(socket_, {{"act", "second"}}));
  EXPECT_TRUE(gave_up);
}

TEST_F(Control, WhoeverGetsNoAnswerHearsThatWhatWasBegunMayStillBeDoneAndWhereItShows) {
  std::mutex mutex;
  std::condition_variable changed;
  bool go_on = false;
  const auto server = serve([&](const json::object&, const Requester&) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return go_on; });
    return Result<json::object>(json::object());
  });
  const auto asked = ask_control(socket_, {{"act", "rotate"}}, std::chrono::seconds(1));
  {
    const std::lock_guard lock(mutex);
    go_on = true;
  }
  changed.notify_all();
  ASSERT_FALSE(asked);
  EXPECT_THAT(asked.error().message, HasSubstr("gave no answer within 1 s"));
  EXPECT_THAT(asked.error().message, HasSubstr("may still finish"));
  EXPECT_THAT(asked.error().message, HasSubstr("tallygate audit tail"));
}

}  // namespace
}  // namespace tallygate::audit
