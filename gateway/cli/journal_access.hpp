#pragma once
/// How commands reach a journal that they do something to: through the gateway that writes it, or by
/// themselves where none does.

#include "audit/custody/control.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/journal.hpp"
#include "gateway/settings.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own
class App;
}

namespace tallygate::cli {

/// Where a journal and its companions are, as the command line says.
struct JournalArguments {
  std::optional<std::string> config;
  std::optional<std::string> journal;
  std::optional<std::string> head;
  std::optional<std::string> keyring;
  std::optional<std::string> kek;
  std::string gateway;
};

/// Adds `-c` or `--journal` with `--head`, `--keyring`, `--kek` and `--gateway`; one of the first two is
/// needed.
void add_journal_options(CLI::App& command, JournalArguments& arguments);

/// What a writer of that journal needs. Companions that are not named lie in `head` beside the journal.
/// Errors: invalid (the settings, with their places).
[[nodiscard]] audit::Result<audit::JournalOptions> journal_options(const JournalArguments& arguments);

/// Reads `--kek`: file:PATH, env:NAME, credential:NAME or a pkcs11: URI. Errors: invalid.
[[nodiscard]] audit::Result<audit::KekSource> parse_kek(const std::string& text);

/// The same of gateway.yaml.
[[nodiscard]] audit::KekSource to_audit(const KekSource& kek);

/// Says on stderr what the opening of a journal took away of what a crash had left in its folder.
void tell_leftovers(const audit::Journal& journal);

/// Has an act that changes nothing judged by the process that writes the journal, or here from its files: the
/// journal is not opened for it, and nothing recorded. Errors: those of ask_control() and the act.
[[nodiscard]] audit::Result<boost::json::object> look_at_journal(const audit::JournalOptions& options,
                                                                 const boost::json::object& request);

/// Whether the files of a record are what was sealed, and its end what head acknowledged where there is one:
/// to be asked before anything that the record says of holds is shown. Errors: as SealedFiles::step() and
/// check_end().
[[nodiscard]] audit::Result<void> check_record(const audit::JournalOptions& options);

/// Has an act done by the process that writes the journal, within that time; nothing where none does. Errors:
/// those of ask_control() and the act.
[[nodiscard]] audit::Result<std::optional<boost::json::object>> ask_writer(
    const audit::JournalOptions& options, boost::json::object request,
    std::chrono::seconds patience = audit::act_patience);

/// Has an act done (audit/custody/custodian.hpp): by the process that writes the journal, or here, with the
/// journal opened for it. Errors: those of ask_control(), Journal::open() and the act.
[[nodiscard]] audit::Result<boost::json::object> act_on_journal(const audit::JournalOptions& options,
                                                                const boost::json::object& request);

/// A file's content; errors: missing, unreadable, invalid (larger than `bytes_max`).
[[nodiscard]] audit::Result<std::string> read_small_file(const std::filesystem::path& file,
                                                         std::size_t bytes_max);

/// The command that grants an act where the provisioning key is: `parameters` are words of a shell, `file` is
/// where the grant goes.
[[nodiscard]] std::string grant_command(const std::filesystem::path& journal, const std::string& kind,
                                        const std::string& parameters, const std::string& file);

/// The journal as the words of a command that name it again, a shell's: `-c FILE`, or `--journal FOLDER` with
/// what was given besides, to follow any command of add_journal_options().
[[nodiscard]] std::string place_of(const JournalArguments& arguments);

/// The same for a command that only reads: `-c FILE`, or `--journal FOLDER`.
[[nodiscard]] std::string reading_place_of(const JournalArguments& arguments);

/// A refusal for want of a grant, with the two commands that do it: `act` is what needs one, `grant` the
/// command where the provisioning key is, `here` the one to be repeated.
[[nodiscard]] audit::Failure needs_grant(const std::string& act, const std::string& grant,
                                         const std::string& here);

/// A failure whose message names custody commands, as the library does that knows no command line, with the
/// words put behind each that name the journal at hand: so that they can be pasted.
[[nodiscard]] audit::Failure at_place(audit::Failure failure, const JournalArguments& arguments);

/// How long entries are kept, as the custodian's `rules`, and the archive.
struct KeepArguments {
  boost::json::object rules;
  std::string archive;
};

/// Those of `-c`, but for `keep` and `archive` where they are given. Errors: invalid.
[[nodiscard]] audit::Result<KeepArguments> keep_arguments(const JournalArguments& arguments,
                                                          const std::string& keep,
                                                          const std::string& archive);

/// The settings of gateway.yaml. Errors: invalid, each mistake with its place.
[[nodiscard]] audit::Result<Settings> settings_of(const std::string& file);

/// Adds a grant file's members to a request. Errors: as read_small_file(), and invalid.
[[nodiscard]] audit::Result<void> add_grant(boost::json::object& request, const std::string& file);

}  // namespace tallygate::cli
