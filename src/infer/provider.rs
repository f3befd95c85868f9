//! What a model runs on: the execution providers of ONNX Runtime.
//!
//! In: `[infer] provider` and the library that is loaded. Out: sessions that use it, or a sentence that says what is
//! missing, where, and what to do; a provider that is not there is never replaced by the processor in silence. The
//! provider is a library of its own beside the runtime's, loaded by it, so that nothing of a vendor is needed to build,
//! or to run on the processor. OpenVINO was run and measured; CUDA and TensorRT were not: nobody here had the device.

use std::path::Path;

use ort::ep::{CUDA, ExecutionProvider, OpenVINO, TensorRT};
use ort::session::builder::SessionBuilder;

use crate::config::Provider;

/// Its name in the configuration.
pub fn name(provider: Provider) -> &'static str {
    match provider {
        Provider::Cpu => "cpu",
        Provider::Openvino => "openvino",
        Provider::Cuda => "cuda",
        Provider::Tensorrt => "tensorrt",
    }
}

/// True where one device serves all workers, and is better at many pictures than at one.
pub fn batches(provider: Provider) -> bool {
    matches!(provider, Provider::Cuda | Provider::Tensorrt)
}

fn library(provider: Provider) -> Option<&'static str> {
    match provider {
        Provider::Cpu => None,
        Provider::Openvino => Some("libonnxruntime_providers_openvino.so"),
        Provider::Cuda => Some("libonnxruntime_providers_cuda.so"),
        Provider::Tensorrt => Some("libonnxruntime_providers_tensorrt.so"),
    }
}

/// How to get it.
fn advice(provider: Provider) -> &'static str {
    match provider {
        Provider::Cpu => "run deploy/setup.sh",
        Provider::Openvino => {
            "run `deploy/setup.sh openvino` and set [infer] runtime to \
             \".cache/onnxruntime-openvino/libonnxruntime.so\", or set provider = \"cpu\""
        }
        Provider::Cuda | Provider::Tensorrt => {
            "name a GPU build of ONNX Runtime with its provider libraries beside it in [infer] runtime (NVIDIA's driver, \
             CUDA and cuDNN must be installed), or set provider = \"cpu\""
        }
    }
}

/// What can be said without loading anything: the provider's library is not beside the runtime's. A clause.
pub fn missing(provider: Provider, runtime: &Path) -> Option<String> {
    let library = library(provider)?;
    // A link to the library lies elsewhere than what the loader looks beside.
    let real = std::fs::canonicalize(runtime).ok()?;
    let beside = real.parent()?.join(library);
    (!beside.is_file()).then(|| format!("{} is not there; {}", beside.display(), advice(provider)))
}

/// Whether the loaded library can have it at all; the reason is a clause.
pub(super) fn check(provider: Provider, runtime: &Path) -> Result<(), String> {
    if let Some(reason) = missing(provider, runtime) {
        return Err(reason);
    }
    let built_with = match provider {
        Provider::Cpu => return Ok(()),
        Provider::Openvino => OpenVINO::is_available(),
        Provider::Cuda => CUDA::is_available(),
        Provider::Tensorrt => TensorRT::is_available(),
    };
    match built_with {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("that library was built without it; {}", advice(provider))),
        Err(e) => Err(e.to_string()),
    }
}

/// Adds it to a session; the reason is a clause.
pub(super) fn register(provider: Provider, builder: SessionBuilder, threads: usize) -> Result<SessionBuilder, String> {
    let dispatch = match provider {
        Provider::Cpu => return Ok(builder),
        Provider::Openvino => {
            OpenVINO::default().with_device_type("CPU").with_num_threads(threads).with_num_streams(1).build()
        }
        Provider::Cuda => CUDA::default().build(),
        Provider::Tensorrt => TensorRT::default().build(),
    };
    builder.with_execution_providers([dispatch.error_on_failure()]).map_err(|e| format!("{e}; {}", advice(provider)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_beside_the_runtime_is_missed_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("libonnxruntime.so"));
        std::fs::create_dir(&real).unwrap();
        std::fs::write(real.join("libonnxruntime.so.1"), "").unwrap();
        std::os::unix::fs::symlink(real.join("libonnxruntime.so.1"), &link).unwrap();
        assert_eq!(missing(Provider::Cpu, &link), None);
        for provider in [Provider::Openvino, Provider::Cuda, Provider::Tensorrt] {
            let reason = missing(provider, &link).unwrap();
            assert!(reason.contains(name(provider)) && reason.contains("[infer] runtime"), "{reason}");
            std::fs::write(real.join(library(provider).unwrap()), "").unwrap();
            assert_eq!(missing(provider, &link), None, "beside the library itself, not beside the link");
        }
    }
}
