#pragma once

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "report/listing.h"

namespace keyrota {

/// What is known of one thing, fact by fact: for people a line each, for programs one JSON object.
class Facts {
  public:
    /// @param name as JSON has it; for people with spaces. A null is left out for people.
    void add(const std::string& name, Cell value);

    void print_text(std::ostream& out) const;
    /// One object, on one line, without a line break.
    std::string json() const;

  private:
    std::vector<std::pair<std::string, Cell>> facts_;
};

}  // namespace keyrota
