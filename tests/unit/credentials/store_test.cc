// The store: values at rest, the key that they are under, and what happens when one of both is not what it was.
#include "credentials/store.h"

#include <sys/stat.h>

#include "../temporary_folder.h"
#include "credentials/sealed_text.h"
#include "scratch.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

using namespace std::string_view_literals;

std::string stored_text(Store& store, const std::string& name = "bot") {
  const auto value = store.look(spec(name, {.kind = Kind::kStored}));
  REQUIRE(value.has_value());
  return *value ? std::string((*value)->secret->reveal()) : "error: " + value->error().message;
}
Result<> put(Store& store, std::string_view text, const std::string& name = "bot") {
  return store.set(spec(name, {.kind = Kind::kStored}), *Secret::copy_of(text));
}
policy::CredentialSpec key_pair_spec() {
  auto made = spec("keys", {.kind = Kind::kStored});
  made.inject.push_back({.as = policy::CredentialSpec::Injection::As::kSigV4});
  return made;
}
Secret octets_of_key(char first) {
  std::string key(kSealKeySize, '\0');
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<char>(first + static_cast<char>(i));
  return *Secret::copy_of(key);
}
std::string unsealed(const Secret& key, std::string_view name, std::string_view text) {
  const auto plain = unseal(key, name, text);
  return plain ? std::string(plain->reveal()) : "error: " + plain.error().message;
}

}  // namespace

TEST_CASE("the_store_keeps_values_for_its_owner_alone") {
  const TemporaryFolder scratch;
  Store store(scratch.file("credentials"), std::nullopt);
  CHECK(stored_text(store) == "error: nothing is stored: 'enforcerctl credential set bot'");
  CHECK(store.erase("bot").error().code == Errc::kNotFound);
  CHECK_FALSE(std::filesystem::exists(scratch.file("credentials.key")));  // looking makes nothing

  REQUIRE(put(store, "one"));
  CHECK(stored_text(store) == "one");
  CHECK(scratch.mode("credentials/bot") == 0600);
  CHECK(scratch.mode("credentials.key") == 0600);
  CHECK(scratch.mode("credentials") == 0700);

  REQUIRE(put(store, "two"));
  CHECK(stored_text(store) == "two");
  Store again(scratch.file("credentials"), std::nullopt);
  CHECK(stored_text(again) == "two");  // after a restart
  REQUIRE(store.erase("bot"));
  CHECK(store.look(spec("bot", {.kind = Kind::kStored}))->error().code == Errc::kNotFound);
}

TEST_CASE("the_store_writes_nowhere_else") {
  const TemporaryFolder scratch;
  Store store(scratch.file("credentials"), std::nullopt);
  for (const std::string name : {"", ".", "..", "../x", "a/b", ".hidden", "a b", "a\n"}) {
    CAPTURE(name);
    CHECK(put(store, "v", name).error().code == Errc::kInvalid);
    CHECK(store.erase(name).error().code == Errc::kInvalid);
  }
  CHECK(put(store, "v", "a.b_c-D9").has_value());
  // A folder that others can enter, or that is a link to somewhere else.
  std::filesystem::create_directory(scratch.file("open"));
  chmod(scratch.file("open").c_str(), 0755);
  Store open(scratch.file("open"), std::nullopt);
  CHECK(put(open, "v").error().message.contains("mode 0700"));
  REQUIRE(symlink(scratch.file("credentials").c_str(), scratch.file("link").c_str()) == 0);
  Store link(scratch.file("link"), std::nullopt);
  CHECK(put(link, "v").error().code == Errc::kDenied);
  // What a crash left is replaced, not written through.
  REQUIRE(symlink("/dev/full", scratch.file("credentials/.a.new").c_str()) == 0);
  CHECK(put(store, "v", "a").has_value());
}

TEST_CASE("no_byte_of_a_value_is_on_the_disk") {
  const TemporaryFolder scratch;
  Store store(scratch.file("credentials"), std::nullopt);
  REQUIRE(put(store, kCanary));
  const std::string file = scratch.read("credentials/bot");
  CHECK(file.size() == 8 + 12 + kCanary.size() + 16);
  CHECK(file.starts_with("ENFSEC"));
  CHECK_FALSE(file.contains("S3CR3T"));
  CHECK(stored_text(store) == kCanary);  // the control
  REQUIRE(put(store, kCanary));
  CHECK(scratch.read("credentials/bot") != file);  // another nonce
  CHECK(scratch.read("credentials.key").size() == 32);
}

TEST_CASE("the_key_is_made_once_and_never_written_again") {
  const TemporaryFolder scratch;
  Store store(scratch.file("credentials"), std::nullopt);
  REQUIRE(put(store, "v"));
  const std::string key = scratch.read("credentials.key");
  REQUIRE(put(store, "w"));
  REQUIRE(put(store, "x", "other"));
  CHECK(scratch.read("credentials.key") == key);
  scratch.write("credentials.key", "short");
  CHECK(put(store, "v").error().message.contains("has 32 bytes, neither more nor less"));
  CHECK(scratch.read("credentials.key") == "short");
  scratch.write("credentials.key", key + "x");
  CHECK_FALSE(put(store, "v").has_value());
  scratch.write("credentials.key", key, 0644);
  CHECK(put(store, "v").error().message.contains("everybody can read it"));
  scratch.write("credentials.key", key);
  CHECK(put(store, "v").has_value());
}

TEST_CASE("a_value_under_another_key_is_an_error_that_says_what_to_do") {
  const TemporaryFolder scratch;
  REQUIRE(put(*std::make_unique<Store>(scratch.file("credentials"), std::nullopt), kCanary));
  const std::string key = scratch.read("credentials.key");
  const auto said = [&] {
    Store store(scratch.file("credentials"), std::nullopt);
    return stored_text(store);
  };
  CHECK(said() == kCanary);
  std::string other = key;
  other[0] = static_cast<char>(other[0] ^ 1);
  scratch.write("credentials.key", other);
  CHECK(said() ==
        "error: " + scratch.file("credentials/bot") +
            ": it cannot be decrypted: the key is another one than it was stored under, or the file was changed or "
            "renamed: 'enforcerctl credential set bot' again");
  std::filesystem::remove(scratch.file("credentials.key"));
  CHECK(said().contains("it cannot be decrypted: " + scratch.file("credentials.key") + ": no such file"));
  scratch.write("credentials.key", key);
  CHECK(said() == kCanary);
  // A new key is in force without a restart, for what is set from then on.
  Store store(scratch.file("credentials"), std::nullopt);
  scratch.write("credentials.key", other);
  REQUIRE(put(store, "new"));
  CHECK(stored_text(store) == "new");
}

TEST_CASE("a_stored_file_that_was_changed_renamed_or_is_plain_is_no_value") {
  const TemporaryFolder scratch;
  Store store(scratch.file("credentials"), std::nullopt);
  REQUIRE(put(store, kCanary));
  const std::string file = scratch.read("credentials/bot");
  for (std::size_t at = 0; at < file.size(); ++at) {
    std::string changed = file;
    changed[at] = static_cast<char>(changed[at] ^ 0x40);
    scratch.write("credentials/bot", changed);
    CHECK(stored_text(store).starts_with("error: "));
    scratch.write("credentials/bot", file.substr(0, at));
    CHECK(stored_text(store).starts_with("error: "));
  }
  scratch.write("credentials/bot", file + "x");
  CHECK(stored_text(store).starts_with("error: "));
  scratch.write("credentials/bot", "a plain token");
  CHECK(stored_text(store).contains("it is nothing that was encrypted by this version"));
  scratch.write("credentials/other", file);
  CHECK(stored_text(store, "other").contains("or the file was changed or renamed"));
  scratch.write("credentials/bot", file);
  CHECK(stored_text(store) == kCanary);  // the control, and a rotation without a restart
}

TEST_CASE("the_service_managers_key_goes_before_our_own") {
  const TemporaryFolder scratch;
  std::filesystem::create_directory(scratch.file("given"));
  Store ours(scratch.file("credentials"), scratch.file("given"));
  REQUIRE(put(ours, "v", "old"));  // none was given
  CHECK(std::filesystem::exists(scratch.file("credentials.key")));
  scratch.write("given/enforcer-store-key", std::string(32, 'k'), 0400);
  Store store(scratch.file("credentials"), scratch.file("given"));
  CHECK(stored_text(store, "old").contains("the key is another one"));
  REQUIRE(put(store, "v"));
  CHECK(stored_text(store) == "v");
  CHECK(unsealed(*Secret::copy_of(std::string(32, 'k')), "bot", scratch.read("credentials/bot")) == "v");
  // One that cannot be used is not passed over for a lesser one.
  scratch.write("given/enforcer-store-key", std::string(31, 'k'), 0400);
  Store broken(scratch.file("credentials"), scratch.file("given"));
  CHECK(stored_text(broken).contains("has 32 bytes"));
  CHECK(stored_text(broken, "old").contains("has 32 bytes"));
  CHECK_FALSE(put(broken, "v").has_value());

  std::filesystem::remove(scratch.file("credentials.key"));
  scratch.write("given/enforcer-store-key", std::string(32, 'k'), 0400);
  REQUIRE(put(store, "v"));
  CHECK_FALSE(std::filesystem::exists(scratch.file("credentials.key")));
}

TEST_CASE("what_is_stored_has_the_shape_that_the_credential_wants") {
  const TemporaryFolder scratch;
  Store store(scratch.file("credentials"), std::nullopt);
  const auto keys = key_pair_spec();
  const auto set = [&](std::string_view text) { return store.set(keys, *Secret::copy_of(text)); };
  CHECK(set("only-an-id").error().message == "the secret access key is missing");
  CHECK(store.look(keys)->error().code == Errc::kNotFound);
  REQUIRE(set("[default]\naws_access_key_id = a\naws_secret_access_key = b"));
  CHECK((*store.look(keys))->secret->reveal() == "a\nb");
  CHECK_FALSE((*store.look(keys))->expires.has_value());
  REQUIRE(set(R"({"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "c", "Expiration": "2100-01-01T00:00:00Z"})"));
  CHECK((*store.look(keys))->secret->reveal() == "a\nc");
  CHECK((*store.look(keys))->expires.has_value());
  CHECK_FALSE(set(R"({"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "c", "Expiration": "2020-01-01T00:00:00Z"})")
                  .has_value());
  CHECK(put(store, "a\nb").error().message == "the value has a line break inside");
  CHECK((*store.look(keys))->secret->reveal() == "a\nc");
  // A reload that wants another shape is not given the old value.
  CHECK(stored_text(store, "keys").starts_with(R"({"Version": 1)"));  // as a line, it is one
}

TEST_CASE("a_sealed_text_is_what_others_make_of_the_same") {
  // AES-256-GCM of another implementation: key 00..1f, nonce 00..0b, associated data "ENFSEC" 00 01 "bot".
  constexpr std::string_view kSealed =
      "ENFSEC\x00\x01\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"
      "\x33\x6d\xbd\x7e\xab\xc8\xb4\x7a\xe1\x34\xf2\xdf\xd9\x5a\xac\xaa\x66\x07\x61\x1b\x2e\x1b\x0b\x54\xad\x47\xae"sv;
  const Secret key = octets_of_key(0);
  CHECK(unsealed(key, "bot", kSealed) == "token-value");
  CHECK(unsealed(key, "bo", kSealed).starts_with("error: "));
  CHECK(unsealed(key, "bott", kSealed).starts_with("error: "));
  CHECK(unsealed(octets_of_key(1), "bot", kSealed).starts_with("error: "));
  const Secret big = *Secret::copy_of(std::string(Secret::kMaxSize, 'x'));
  CHECK(unsealed(key, "bot", *seal(key, "bot", big)) == big.reveal());
}

TEST_CASE("the_largest_value_can_be_stored") {
  const TemporaryFolder scratch;
  Store store(scratch.file("credentials"), std::nullopt);
  const std::string big(Secret::kMaxSize, 'x');
  REQUIRE(put(store, big));
  CHECK(stored_text(store) == big);
}
