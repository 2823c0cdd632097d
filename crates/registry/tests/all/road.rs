//! The way from a client to a server, which can be closed and opened again.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Forwards connections while it is open. Closed, it has ended those it had and refuses new ones.
pub(crate) struct Road {
    address: String,
    server: String,
    traffic: Option<JoinHandle<()>>,
}

impl Road {
    pub(crate) async fn to(server: &str) -> Self {
        let mut road = Self {
            address: "127.0.0.1:0".to_owned(),
            server: server.to_owned(),
            traffic: None,
        };
        road.open().await;
        road
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) async fn open(&mut self) {
        let listener = TcpListener::bind(&self.address).await.unwrap();
        self.address = listener.local_addr().unwrap().to_string();
        let server = self.server.clone();
        self.traffic = Some(tokio::spawn(async move {
            // Aborted with the task that owns it.
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let server = server.clone();
                connections.spawn(async move {
                    let mut far = TcpStream::connect(&server).await?;
                    copy_bidirectional(&mut near, &mut far).await
                });
            }
        }));
    }

    pub(crate) async fn close(&mut self) {
        if let Some(traffic) = self.traffic.take() {
            traffic.abort();
            let _ = traffic.await;
        }
    }
}
