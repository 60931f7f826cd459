//! Whether Central Command is still in reach: asked before and after a change that could cut this machine off.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::executor::Lifeline;
use crate::server_url::ServerUrl;

const PATIENCE: Duration = Duration::from_secs(3);

/// Opens a connection to the server and closes it again.
#[derive(Debug, Clone)]
pub struct ServerLifeline(ServerUrl);

impl ServerLifeline {
    /// The way to this server.
    pub fn new(server: ServerUrl) -> Self {
        Self(server)
    }
}

impl Lifeline for ServerLifeline {
    fn check(&self) -> Result<(), String> {
        let out_of_reach = |error: std::io::Error| format!("{} is out of reach: {error}", self.0);
        let mut failure = format!("{} has no address", self.0);
        for address in self.0.endpoint().to_socket_addrs().map_err(out_of_reach)? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(_) => return Ok(()),
                Err(error) => failure = out_of_reach(error),
            }
        }
        Err(failure)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn it_knows_whether_somebody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("is bound").port();
        let lifeline =
            ServerLifeline::new(format!("http://127.0.0.1:{port}").parse().expect("a server address"));
        assert_eq!(lifeline.check(), Ok(()));
        drop(listener);
        assert!(lifeline.check().is_err());
    }
}
