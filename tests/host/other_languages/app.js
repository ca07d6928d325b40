// A component by componentize-js. It continues to work after its response.

addEventListener('fetch', (event) => {
  const { pathname, search } = new URL(event.request.url);
  event.respondWith(new Response(JSON.stringify({ path: pathname + search })));
  event.waitUntil(new Promise((resolve) => setTimeout(resolve, 100)).then(() => console.log('done later')));
});
