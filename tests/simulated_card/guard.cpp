// Lets a CPU build of torch have tensors that say "cuda": torch asks a device guard for each of them.
#include <c10/core/impl/DeviceGuardImplInterface.h>

namespace {
using Base = c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::CUDA>;
thread_local c10::DeviceIndex current = 0;

struct Guard final : Base {
  c10::Device getDevice() const override { return {c10::DeviceType::CUDA, current}; }
  c10::Device exchangeDevice(c10::Device device) const override {
    auto before = getDevice();
    setDevice(device);
    return before;
  }
  void setDevice(c10::Device device) const override {
    if (device.index() >= 0) current = device.index();
  }
  void uncheckedSetDevice(c10::Device device) const noexcept override {
    if (device.index() >= 0) current = device.index();
  }
};

Guard guard;
}  // namespace

extern "C" void install_guard() {
  c10::impl::device_guard_impl_registry[static_cast<size_t>(c10::DeviceType::CUDA)].store(&guard);
}
