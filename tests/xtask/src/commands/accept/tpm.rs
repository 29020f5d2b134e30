//! The emulator of a TPM.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::stand_in::LeftOut;

/// A running `swtpm`, which ends with this.
pub struct Tpm {
    child: Child,
    /// Where it listens for QEMU.
    pub socket: PathBuf,
}

impl Tpm {
    /// One with its state below `dir`, which has no other.
    ///
    /// # Errors
    /// Why there is none.
    pub fn start(dir: &Path) -> Result<Self, LeftOut> {
        let (state, socket) = (dir.join("tpm"), dir.join("tpm.sock"));
        std::fs::create_dir(&state).map_err(|error| error.to_string())?;
        let mut command = Command::new("swtpm");
        command.args(["socket", "--tpm2", "--tpmstate"]).arg(format!("dir={}", state.display()));
        command.arg("--ctrl").arg(format!("type=unixio,path={}", socket.display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|_| "swtpm, which emulates a TPM, is not installed".to_owned())?;
        let tpm = Self { child, socket };
        let end = Instant::now() + Duration::from_secs(20);
        while !tpm.socket.exists() {
            if Instant::now() > end {
                return Err("swtpm does not listen".to_owned());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(tpm)
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        // It may have ended with its QEMU.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
