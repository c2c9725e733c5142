// An HTTP service by asyncio, whose pages C++ makes: at once, or later on a thread of its own.
// run: http_service
#include <latepy/latepy.hpp>
#include <latepy/run/event_loop.hpp>

#include <atomic>
#include <cstdio>
#include <future>
#include <string>

namespace py = latepy;

constexpr const char* server = R"(
    import asyncio, inspect, pages

    async def respond(reader, writer):
        method, path, version = (await reader.readline()).decode().split()
        while await reader.readline() not in (b'\r\n', b''):
            pass  # headers
        name, argument = (path[1:] + '/').split('/')[:2]
        status = '200 OK'
        try:
            body = vars(pages)[name](argument)
            if inspect.isawaitable(body):
                body = await body
        except KeyError:
            status, body = '404 Not Found', f'no page {name}'
        except ValueError as error:
            status, body = '400 Bad Request', str(error)
        body = str(body).encode()
        writer.write(f'HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n'.encode() + body)
        await writer.drain()
        writer.close()

    async def start():
        listening = await asyncio.start_server(respond, '127.0.0.1', 0)
        return listening.sockets[0].getsockname()[1]
)";

constexpr const char* client = R"(
    import http.client

    def get(port, path):
        connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
        connection.request('GET', path)
        response = connection.getresponse()
        return f'{response.status} {response.read().decode()}'
)";

int main() try {
  py::Interpreter python;
  std::atomic<int> visits{0};
  py::Module pages = python.module("pages");
  pages.def("visits", [&](std::string) { return ++visits; });
  pages.def("square", [](std::string number) { return std::stoi(number) * std::stoi(number); });
  pages.def("sum", [](std::string last) {  // takes long: other requests are answered meanwhile
    return py::await_on_thread(std::async(std::launch::async, [last = std::stoll(last)] {
      long long sum = 0;
      for (long long i = 1; i <= last; ++i) sum += i;
      return sum;
    }));
  });

  py::EventLoop loop(python);  // serves on a thread of its own
  python.module_from_string("server", server);
  python.module_from_string("client", client);
  const int port = loop.call<int>("server", "start").get();
  for (const char* path : {"/visits", "/visits", "/square/12", "/sum/1000000", "/square/twelve", "/nothing"})
    std::printf("%s: %s\n", path, python.call<std::string>("client", "get", port, path).c_str());
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
