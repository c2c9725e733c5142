// A library that has the two names by which Python is known and nothing else of it.
extern "C" {
#ifdef _WIN32
__declspec(dllexport)
#else
__attribute__((visibility("default")))
#endif
int Py_IsInitialized() {
  return 0;
}
#ifdef _WIN32
__declspec(dllexport)
#else
__attribute__((visibility("default")))
#endif
const char* Py_GetVersion() {
  return "3.11.7 (a stand-in)";
}
}
