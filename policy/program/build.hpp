#pragma once
/// The parts of build_index(). Internal to policy/program.
#include "policy/program/index.hpp"

namespace tallygate::policy {

void build_roles(const Program& program, Index& index);
void build_bindings(const Program& program, Index& index);
void build_resources(const Program& program, Index& index);
void build_conditions(const Program& program, Index& index);
void build_rules(const Program& program, Index& index);

}  // namespace tallygate::policy
