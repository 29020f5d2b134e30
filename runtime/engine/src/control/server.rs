//! The supervisor's end of the control socket: a thread that accepts, and one for each connection, which feed the queue of requests.

use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{Shutdown, getsockopt, shutdown, sockopt::PeerCredentials};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::{invalid, of_failure, own, reply};
use super::wire::{Wire, WireError};
use super::{AttachArguments, DESCRIPTION, DetachArguments, INTERFACE, MOST_PEERS};
use crate::error::HostError;
use crate::requests::{Request, RequestSender};

const SERVICE: &str = "org.varlink.service";
const SERVICE_DESCRIPTION: &str = include_str!("org.varlink.service.varlink");

/// How long a connection may be silent, and how long an answer may take to be read.
const TIME: Duration = Duration::from_secs(60);

/// The thread that accepts. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    listener: Arc<UnixListener>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on a listening socket.
    pub fn start(listener: UnixListener, requests: RequestSender) -> Result<Self, HostError> {
        let listener = Arc::new(listener);
        let accepting = Arc::clone(&listener);
        let builder = std::thread::Builder::new().name("control".into());
        let thread = builder.spawn(move || accept(&accepting, &requests));
        let thread = thread.map_err(|e| HostError::System { what: "start a thread".into(), why: e.to_string() })?;
        Ok(Self { listener, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The accepting thread wakes with an error, whatever this answers.
        let _ = shutdown(self.listener.as_raw_fd(), Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &UnixListener, requests: &RequestSender) {
    let peers = Arc::new(AtomicUsize::new(0));
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            // Out of descriptors: later there may be some again.
            Err(e) if matches!(e.raw_os_error(), Some(nix::libc::EMFILE | nix::libc::ENFILE)) => {
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
            Err(_) => return,
        };
        if peers.fetch_add(1, Ordering::SeqCst) >= MOST_PEERS || !is_owner(&stream) {
            peers.fetch_sub(1, Ordering::SeqCst);
            let mut wire = Wire::new(stream);
            let refusal = reply(&format!("{SERVICE}.PermissionDenied"), &json!({}));
            // One who does not read it is refused as well.
            let _ = wire.send(&refusal, Duration::from_millis(100));
            continue;
        }
        let (requests, leaving) = (requests.clone(), Arc::clone(&peers));
        let served = std::thread::Builder::new().name("control-peer".into()).spawn(move || {
            serve(stream, &requests);
            leaving.fetch_sub(1, Ordering::SeqCst);
        });
        if served.is_err() {
            peers.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// The file's mode (0600) forbids others as well; this check also holds for a descriptor that was passed on.
fn is_owner(stream: &UnixStream) -> bool {
    let me = nix::unistd::geteuid().as_raw();
    getsockopt(stream, PeerCredentials).is_ok_and(|peer| peer.uid() == 0 || peer.uid() == me)
}

fn serve(stream: UnixStream, requests: &RequestSender) {
    let mut wire = Wire::new(stream);
    loop {
        let call = match wire.receive(TIME) {
            Ok(call) => call,
            Err(WireError::Nonsense(why)) => {
                // Where the next message begins is not known.
                let _ = wire.send(&invalid(&why), TIME);
                return;
            }
            Err(WireError::Closed | WireError::Late) => return,
        };
        let answer = answer(&call, requests);
        let wants_none = call.get("oneway").and_then(Value::as_bool) == Some(true);
        if !wants_none && wire.send(&answer, TIME).is_err() {
            return;
        }
    }
}

/// The reply to a call.
fn answer(call: &Value, requests: &RequestSender) -> Value {
    let Some(method) = call.get("method").and_then(Value::as_str) else { return invalid("method") };
    let parameters = call.get("parameters").cloned().unwrap_or_else(|| json!({}));
    let Some((interface, name)) = method.rsplit_once('.') else { return invalid("method") };
    match interface {
        SERVICE => service(name, method, &parameters),
        INTERFACE => machine(name, method, parameters, requests),
        _ => reply(&format!("{SERVICE}.InterfaceNotFound"), &json!({ "interface": interface })),
    }
}

fn not_found(method: &str) -> Value {
    reply(&format!("{SERVICE}.MethodNotFound"), &json!({ "method": method }))
}

fn service(name: &str, method: &str, parameters: &Value) -> Value {
    match name {
        "GetInfo" => json!({"parameters": {
            "vendor": "virtc", "product": "virtc", "version": env!("CARGO_PKG_VERSION"), "url": "",
            "interfaces": [SERVICE, INTERFACE],
        }}),
        "GetInterfaceDescription" => match parameters.get("interface").and_then(Value::as_str) {
            Some(INTERFACE) => json!({"parameters": {"description": DESCRIPTION}}),
            Some(SERVICE) => json!({"parameters": {"description": SERVICE_DESCRIPTION}}),
            Some(other) => reply(&format!("{SERVICE}.InterfaceNotFound"), &json!({ "interface": other })),
            None => invalid("interface"),
        },
        _ => not_found(method),
    }
}

fn machine(name: &str, method: &str, parameters: Value, requests: &RequestSender) -> Value {
    fn read<T: DeserializeOwned>(parameters: Value) -> Result<T, Value> {
        serde_json::from_value(parameters).map_err(|e| invalid(&e.to_string()))
    }
    let request = match name {
        "Status" => Ok(Request::Status),
        "Describe" => Ok(Request::Describe),
        "Attach" => read::<AttachArguments>(parameters).map(|a| Request::Attach(Box::new(a))),
        "Update" => read::<AttachArguments>(parameters).map(|a| Request::Update(Box::new(a))),
        "Detach" => read::<DetachArguments>(parameters).map(|d| Request::Detach(Box::new(d.plan))),
        "PowerDown" => Ok(Request::PowerDown),
        "Quit" => Ok(Request::Quit),
        _ => Err(not_found(method)),
    };
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    match requests.ask(request).recv() {
        Ok(Ok(value)) => json!({ "parameters": value }),
        Ok(Err(failure)) => of_failure(&failure),
        Err(_) => own("Ended", &json!({})),
    }
}
