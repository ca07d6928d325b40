//! A control group with a processor quota, as a container's CPU limit makes it. A server is started inside, so that it sees the quota
//! when it decides on its number of workers.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The length of the period that a quota is a share of, in microseconds; Kubernetes' default.
const PERIOD: usize = 100_000;

/// Removed when dropped, which waits for its processes to have ended.
pub(crate) struct Quota(PathBuf);

impl Quota {
    /// A group with so many per cent of one processor.
    ///
    /// # Errors
    /// The file system of control groups cannot be written to; that takes root.
    pub(crate) fn new(percent: usize) -> io::Result<Self> {
        let (version1, version2) =
            (Path::new("/sys/fs/cgroup/cpu/hello-bench"), Path::new("/sys/fs/cgroup/hello-bench"));
        let quota = PERIOD * percent / 100;
        let is_version1 = Path::new("/sys/fs/cgroup/cpu").exists();
        let group = Quota(if is_version1 { version1 } else { version2 }.to_owned());
        fs::create_dir_all(&group.0)?;
        if is_version1 {
            fs::write(group.0.join("cpu.cfs_period_us"), PERIOD.to_string())?;
            fs::write(group.0.join("cpu.cfs_quota_us"), quota.to_string())?;
        } else {
            fs::write(group.0.join("cpu.max"), format!("{quota} {PERIOD}"))?;
        }
        Ok(group)
    }

    /// What a shell does before it becomes a member's program.
    pub(crate) fn join(&self) -> String {
        format!("echo $$ >{}/cgroup.procs; exec \"$@\"", self.0.display())
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}
