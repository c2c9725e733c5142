// A program that has a dask cluster compute: it submits tasks, shows progress as they end, and gathers the results.
// needs: distributed
#include <latepy/latepy.hpp>
#include <latepy/stl/vector.hpp>

#include <cstdio>
#include <string>

namespace py = latepy;
using namespace py::literals;

// Workers get functions of __main__ as text: they need no file of this program.
constexpr const char* task = R"(
    def estimate_pi(seed, points):
        import random
        random.seed(seed)
        return 4 * sum(random.random() ** 2 + random.random() ** 2 < 1 for _ in range(points)) / points

    def mean(values):
        return sum(values) / len(values)
)";

int main() try {
  py::Interpreter python;
  python.exec(task);
  // Two processes on this machine. Or name the scheduler of a cluster: Client("tcp://scheduler:8786").
  const py::Object cluster = python.call("distributed", "LocalCluster", "n_workers"_a = 2, "threads_per_worker"_a = 1,
                                         "dashboard_address"_a = py::none());
  py::with_context(cluster, [&] {
    py::with_context(python.call("distributed", "Client", cluster), [&](const py::Object& client) {
      std::vector<py::Object> estimates;
      for (int seed = 1; seed <= 8; ++seed)
        estimates.push_back(client.attr("submit")(python["estimate_pi"], seed, 20000));

      int done = 0;
      for (const py::Object& each : python.call("distributed", "as_completed", estimates))
        std::printf("%d of 8: %s\n", ++done, each.attr("status").as<std::string>().c_str());

      const py::Object mean = client.attr("submit")(python["mean"], estimates);  // computed where the values are
      std::printf("pi is about %.2f\n", mean.attr("result")().as<double>());
      std::printf("the first estimate: %.2f\n", client.attr("gather")(estimates)[0].as<double>());
    });
  });
} catch (const py::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
