// tests/benchmark/app.hpp: the C++ side and the scripts of the 200-line program that is written once with each contender.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace app {

struct Item {
  std::string name;
  int quantity = 0;
  double price = 0;
  double value() const { return quantity * price; }
};

class Store {
 public:
  explicit Store(std::string title) : title_(std::move(title)) {}
  const std::string& title() const { return title_; }
  void set_title(std::string title) { title_ = std::move(title); }
  void add(const Item& item) {
    items_.push_back(item);
    if (on_change) on_change(item.name, item.quantity);
  }
  Item& find(const std::string& name) {
    for (Item& item : items_)
      if (item.name == name) return item;
    throw std::out_of_range("there is no " + name);
  }
  std::size_t size() const { return items_.size(); }
  double value() const {
    double sum = 0;
    for (const Item& item : items_) sum += item.value();
    return sum;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const Item& item : items_) names.push_back(item.name);
    return names;
  }
  std::map<std::string, int> quantities() const {
    std::map<std::string, int> quantities;
    for (const Item& item : items_) quantities[item.name] = item.quantity;
    return quantities;
  }
  std::function<void(std::string, int)> on_change;

 private:
  std::string title_;
  std::vector<Item> items_;
};

inline std::vector<double> smooth(const std::vector<double>& values, int width) {
  std::vector<double> result(values);
  for (std::size_t i = static_cast<std::size_t>(width); i < values.size(); ++i) {
    double sum = 0;
    for (int j = 0; j < width; ++j) sum += values[i - static_cast<std::size_t>(j)];
    result[i] = sum / width;
  }
  return result;
}

inline constexpr char script[] = R"(
import host

changes = []
store = host.Store('shed')
store.on_change(lambda name, quantity: changes.append((name, quantity)))
store.add(host.Item('nail', 500, 0.02))
store.add(host.Item('hammer', 2, 14.5))
store.add(host.Item(name='saw', quantity=1, price=21))
store.title = store.title.upper()

def total(store, discount=0.0):
    return store.value() * (1 - discount)

def order(names, limit, urgent=False):
    return {name: limit * (2 if urgent else 1) for name in names}

def average(values):
    return sum(values) / len(values)

class Plan:
    def __init__(self, steps):
        self.steps = steps
        self.done = 0
    def advance(self, count):
        self.done += count
        if self.done > len(self.steps):
            raise ValueError('the plan has only %d steps' % len(self.steps))
        return self.steps[self.done - 1]

def missing(store):
    try:
        store.find('ladder')
    except IndexError as error:
        return str(error)

log = host.log
log('ready', level=3)
smoothed = host.smooth([1.0, 2.0, 3.0, 4.0], 2)
)";

/// What every one of the programs finds out.
struct Findings {
  double total = 0, discounted = 0, average = 0;
  std::map<std::string, int> ordered;
  std::vector<double> smoothed;
  std::vector<std::string> names, steps;
  std::string title, missing, error, line;
  int changes = 0, level = 0, sum = 0;

  bool right() const {
    return total == 60 && discounted == 30 && average == 2.5 && ordered.at("nail") == 20 && smoothed.at(3) == 3.5 && names.size() == 3 &&
           steps.at(1) == "saw" && title == "SHED" && missing == "there is no ladder" && error.find("only 3 steps") != error.npos &&
           line == "ready" && changes == 3 && level == 3 && sum == 503;
  }
};

inline int finish(const Findings& findings) {
  std::puts(findings.right() ? "right" : "wrong");
  return findings.right() ? 0 : 1;
}

}  // namespace app
