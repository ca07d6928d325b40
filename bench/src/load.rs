//! The load: as many requests as the server takes, over kept-alive connections, from one thread.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

/// What a slice of load gave.
#[derive(Clone, Copy)]
pub(crate) struct Slice {
    /// Requests answered with 200.
    pub(crate) answered: u64,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

/// Sends GET / over these many connections until the time is over.
///
/// # Errors
/// A connection that fails, or an answer that is not 200: a measurement with errors is none.
pub(crate) fn run(address: SocketAddr, connections: usize, time: Duration) -> io::Result<Slice> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let answered = Arc::<AtomicU64>::default();
        let started = Instant::now();
        let tasks: Vec<_> =
            (0..connections).map(|_| tokio::spawn(connection(address, started + time, answered.clone()))).collect();
        for task in tasks {
            task.await.map_err(io::Error::other)??;
        }
        Ok(Slice { answered: answered.load(Relaxed), elapsed: started.elapsed() })
    })
}

async fn connection(address: SocketAddr, end: Instant, answered: Arc<AtomicU64>) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    while Instant::now() < end {
        stream.write_all(REQUEST).await?;
        buffer.clear();
        while !is_whole(&buffer)? {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        answered.fetch_add(1, Relaxed);
    }
    Ok(())
}

/// Whether an answer has arrived to its end, by its length or its last chunk.
fn is_whole(bytes: &[u8]) -> io::Result<bool> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut answer = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = answer.parse(bytes) else { return Ok(false) };
    if answer.code != Some(200) {
        return Err(io::Error::other(format!("an answer with status {:?}", answer.code)));
    }
    let header = |name: &str| {
        answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    let length = header("content-length").and_then(|value| std::str::from_utf8(value).ok()?.parse::<usize>().ok());
    Ok(match length {
        Some(length) => bytes.len() >= head + length,
        None => bytes.ends_with(b"0\r\n\r\n"),
    })
}
