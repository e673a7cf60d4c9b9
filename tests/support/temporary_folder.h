#pragma once

#include <string>

namespace keyrota::test {

/// A new folder, in memory where the machine has room for it: a database is copied for each test,
/// and the four hundred files of one can take thirty times as long on a disk. The caller removes
/// it.
std::string make_temporary_folder(const std::string& name);

}  // namespace keyrota::test
