/* A page that was opened from a folder may start no worker, and the search is one. So there it runs in a hidden frame. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.early = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      this.inside = frame.contentWindow;
      this.inside.postMessage = data => this.tell(data);
      const script = this.inside.document.createElement("script");
      script.src = url;
      script.onload = () => {
        const early = this.early;
        this.early = null;
        early.forEach(data => this.postMessage(data));
      };
      this.inside.document.body.appendChild(script);
    }
    tell(data) {
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      if (this.onmessage) this.onmessage(event);
    }
    postMessage(data) {
      if (this.early) this.early.push(data);
      else this.inside.dispatchEvent(new this.inside.MessageEvent("message", { data }));
    }
    terminate() { this.inside.frameElement.remove(); }
  };
}
