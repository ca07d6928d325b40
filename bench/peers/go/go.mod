module hello-peer

go 1.24
