//! What of the recording host the definitions refer to, set up before and taken away after.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::hold::libvirt::virsh;
use crate::process;

/// Where the daemon listens that writes the logs of guests.
const LOGS: &str = "/run/libvirt/virtlogd-sock";

/// How long that daemon may take to start.
const START: Duration = Duration::from_secs(5);

/// The bridge that guests are joined to.
const BRIDGE: &str = "vrec0";

/// The network of libvirt's that is this bridge.
const NETWORK: &str =
    "<network><name>lan</name><forward mode='bridge'/><bridge name='vrec0'/><portgroup name='shop'/></network>";

/// A bridge, a network, and the daemon that writes logs; they exist as long as this value.
pub struct Lab {
    logs: Option<Child>,
    undo: Vec<Command>,
}

impl Lab {
    /// Sets it up.
    ///
    /// # Errors
    /// When something cannot be made; what was made before is taken away.
    pub fn set_up(scratch: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let mut lab = Self { logs: None, undo: Vec::new() };
        if !Path::new(LOGS).exists() {
            lab.start_logs()?;
        }
        let ip = |words: &[&str]| {
            let mut command = Command::new("ip");
            command.args(words);
            command
        };
        lab.make(ip(&["link", "add", BRIDGE, "type", "bridge"]), ip(&["link", "delete", BRIDGE]))?;
        let file = scratch.join("network.xml");
        std::fs::write(&file, NETWORK)?;
        let (mut create, mut destroy) = (virsh(), virsh());
        create.arg("net-create").arg(&file);
        destroy.args(["net-destroy", "lan"]);
        lab.make(create, destroy)?;
        Ok(lab)
    }

    /// Runs a command, and keeps the one that undoes it.
    fn make(&mut self, mut command: Command, undo: Command) -> Outcome {
        process::quietly(&mut command)?;
        self.undo.push(undo);
        Ok(())
    }

    fn start_logs(&mut self) -> Outcome {
        let mut command = Command::new("virtlogd");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.logs = Some(child.map_err(|error| format!("virtlogd: {error}"))?);
        let until = Instant::now() + START;
        while !Path::new(LOGS).exists() {
            if Instant::now() > until {
                return Err(format!("virtlogd does not listen after {} s", START.as_secs()).into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for command in self.undo.iter_mut().rev() {
            if let Err(error) = process::quietly(command) {
                println!("left: {error}");
            }
        }
        if let Some(child) = &mut self.logs {
            // It may have ended already, which is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
