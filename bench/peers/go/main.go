// The greeting from Go's net/http, with nothing around it.
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	greeting := []byte(`{"message":"Hello from Rust in Kubernetes!","runtime":"go","version":"0.1.0"}`)
	http.HandleFunc("/", func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "application/json")
		answer.Write(greeting)
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
