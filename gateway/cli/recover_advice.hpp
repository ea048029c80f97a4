#pragma once
/// What somebody is told whose journal is refused: what is lost, and the very commands that let it go on.

#include "audit/journal/diagnosis.hpp"

#include <string>

namespace tallygate::cli {

/// What is wrong with a journal, one line each; empty where nothing keeps a gateway from taking it up.
[[nodiscard]] std::string loss_text(const audit::Diagnosis& diagnosis);

/// The commands that lead on from there, in their order, with words between them. `id` is the journal's UUID,
/// `place` the arguments that name the journal here, as a shell reads them, `anchors` what else follows the
/// command that is to be repeated. Empty where nothing is to be done.
[[nodiscard]] std::string way_on(const audit::Diagnosis& diagnosis, const std::string& id,
                                 const std::string& place, const std::string& anchors);

/// How a record stands that nothing keeps from being taken up.
[[nodiscard]] std::string standing_text(const audit::Diagnosis& diagnosis);

}  // namespace tallygate::cli
