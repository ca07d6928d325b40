//! CPU quotas, as the CPU limit of a container sets them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Period of a quota in microseconds: Kubernetes' default.
const PERIOD: usize = 100_000;

/// A control group with a CPU quota. A server starts in it, so that it reads the quota when it chooses its number of workers.
///
/// Removed when dropped, once its processes have ended.
pub(crate) struct CpuQuota(PathBuf);

impl CpuQuota {
    /// Creates a group with a quota in percent of one CPU.
    ///
    /// # Errors
    /// The file system of control groups is not writable: that needs root.
    pub(crate) fn new(percent: usize) -> io::Result<Self> {
        let (version1, version2) =
            (Path::new("/sys/fs/cgroup/cpu/hello-bench"), Path::new("/sys/fs/cgroup/hello-bench"));
        let quota = PERIOD * percent / 100;
        let is_version1 = Path::new("/sys/fs/cgroup/cpu").exists();
        let group = CpuQuota(if is_version1 { version1 } else { version2 }.to_owned());
        fs::create_dir_all(&group.0)?;
        if is_version1 {
            fs::write(group.0.join("cpu.cfs_period_us"), PERIOD.to_string())?;
            fs::write(group.0.join("cpu.cfs_quota_us"), quota.to_string())?;
        } else {
            fs::write(group.0.join("cpu.max"), format!("{quota} {PERIOD}"))?;
        }
        Ok(group)
    }

    /// Returns the shell script that joins the group and becomes the program in its arguments.
    pub(crate) fn join_script(&self) -> String {
        format!("echo $$ >{}/cgroup.procs; exec \"$@\"", self.0.display())
    }
}

impl Drop for CpuQuota {
    fn drop(&mut self) {
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}
