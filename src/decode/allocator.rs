//! Pictures go back to the system when nobody holds them any more.
//!
//! glibc learns from the first large piece that is freed to keep such pieces in its heap, where one small neighbour pins
//! megabytes: twenty focus decoders of 4.5 MiB left 4.4 MiB each behind, and a worker that met one 4K channel 8 MiB.
//! With a fixed threshold pictures are mappings of their own. Pools of the decoders keep them while they are in use,
//! so that nothing is mapped a frame.
#![allow(unsafe_code)] // one call into the C library

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use std::ffi::c_int;

/// Above this a piece is a mapping of its own: a picture of CIF is below, one of D1 above.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const THRESHOLD: c_int = 256 * 1024;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_pictures_back() {
    const M_MMAP_THRESHOLD: c_int = -3;
    unsafe extern "C" {
        fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }
    // SAFETY: it takes two numbers, changes a tunable of the allocator and touches nothing that was handed out.
    let set = unsafe { mallopt(M_MMAP_THRESHOLD, THRESHOLD) };
    if set != 1 {
        tracing::debug!("the allocator's threshold could not be set; freed pictures may stay with the process");
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_pictures_back() {}
