// The greeting from Go's net/http, without middleware.
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	greeting := []byte(`{"message":"Hello from Rust in Kubernetes!","runtime":"go","version":"0.1.0"}`)
	http.HandleFunc("/", func(response http.ResponseWriter, _ *http.Request) {
		response.Header().Set("Content-Type", "application/json")
		response.Write(greeting)
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
